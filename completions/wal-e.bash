# bash completion for wal-e. A test compares the words with `wal-e --help`.

_wal_e() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands='backup-push backup-fetch backup-list wal-push wal-fetch wal-prefetch delete version'
  local options='--help --version --aws-access-key-id --aws-instance-profile --gs-access-key-id
    --wabs-account-name --s3-prefix --wabs-prefix --gs-prefix --file-prefix --gpg-key-id --log-format --terse'
  local command='' word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $commands " in *" $word "*) command=$word && break ;; esac
  done

  # bash takes `=` for a word of its own.
  [ "$current" = = ] && current='' && previous=${COMP_WORDS[COMP_CWORD - 1]}
  [ "$previous" = = ] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  case $previous in
    --log-format)
      mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$current")
      return
      ;;
    --checkpoint)
      mapfile -t COMPREPLY < <(compgen -W 'spread fast' -- "$current")
      return
      ;;
    --restore-spec)
      mapfile -t COMPREPLY < <(compgen -W SOURCE -- "$current"; compgen -f -- "$current")
      return
      ;;
    --*-prefix | --*-id | --wabs-account-name | --pool-size | --prefetch | --archive-timeout | --cluster-read-rate-limit | --grace | -[akp])
      return
      ;;
  esac

  case $command in
    '') options="$options $commands" ;;
    backup-push) options='--help --pool-size --cluster-read-rate-limit --checkpoint --archive-timeout
    --no-archive-check --while-offline' ;;
    backup-fetch) options='--help --pool-size --overwrite --blind-restore --restore-spec' ;;
    backup-list) options='--help --detail --json --pretty LATEST' ;;
    wal-push) options='--help --pool-size' ;;
    wal-fetch) options='--help --prefetch' ;;
    wal-prefetch) options='--help --prefetch --data-directory' ;;
    delete)
      options='--help --dry-run --confirm --grace'
      case " ${COMP_WORDS[*]:1:COMP_CWORD-1} " in
        *' before '* | *' retain '* | *' old-versions '* | *' everything '*) ;;
        *) options="$options before retain old-versions everything" ;;
      esac
      ;;
    version) options='--help' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  case $command in
    backup-push | backup-fetch | wal-push | wal-fetch | wal-prefetch)
      [ "${current#-}" = "$current" ] || return
      mapfile -t COMPREPLY < <(
        [ "$command" != backup-fetch ] || compgen -W LATEST -- "$current"
        compgen -f -- "$current"
      )
      compopt -o filenames 2>/dev/null
      ;;
  esac
}

complete -F _wal_e wal-e
