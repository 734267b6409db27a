// The table itself.
#include <wale/command/options.hpp>

#include <algorithm>
#include <array>

namespace wale::command {
namespace {

constexpr std::array global{
    option_spec{"help", 'h', "", "", "show this help, or that of the command, and exit"},
    option_spec{"version", 0, "", "", "show the version and exit"},
    option_spec{"aws-access-key-id", 'k', "ID", "", "AWS access key id", "AWS_ACCESS_KEY_ID"},
    option_spec{
        "aws-instance-profile",
        0,
        "",
        "",
        "use the credentials of the EC2 instance profile",
        "AWS_INSTANCE_PROFILE"},
    option_spec{"gs-access-key-id", 0, "ID", "", "accepted and ignored, as in WAL-E"},
    option_spec{"wabs-account-name", 'a', "NAME", "", "Azure account", "WABS_ACCOUNT_NAME"},
    option_spec{"s3-prefix", 0, "URL", "", "storage prefix", "WALE_S3_PREFIX"},
    option_spec{"wabs-prefix", 0, "URL", "", "storage prefix", "WALE_WABS_PREFIX"},
    option_spec{"gs-prefix", 0, "URL", "", "storage prefix", "WALE_GS_PREFIX"},
    option_spec{"file-prefix", 0, "URL", "", "storage prefix", "WALE_FILE_PREFIX"},
    option_spec{"gpg-key-id", 0, "ID", "", "encrypt for this key", "WALE_GPG_KEY_ID"},
    option_spec{
        "log-format",
        0,
        "text|json",
        "",
        "form of log records, text if not set",
        "WALE_LOG_FORMAT"},
    option_spec{"terse", 0, "", "", "log only warnings and errors"},
};

constexpr option_spec help_option{"help", 'h', "", "", "show this help and exit"};

constexpr std::array cluster_operand{operand_spec{"PG_CLUSTER_DIRECTORY"}};
constexpr std::array fetch_operands{
    operand_spec{"PG_CLUSTER_DIRECTORY"}, operand_spec{"BACKUP_NAME"}};
constexpr std::array query_operand{operand_spec{"QUERY", false}};
constexpr std::array push_operand{operand_spec{"WAL_SEGMENT"}};
constexpr std::array wal_fetch_operands{
    operand_spec{"WAL_SEGMENT"}, operand_spec{"WAL_DESTINATION"}};

constexpr std::array backup_push_options{
    help_option,
    option_spec{"pool-size", 'p', "N", "4", "partitions that are sent at the same time"},
    option_spec{
        "cluster-read-rate-limit",
        0,
        "BYTES_PER_SECOND",
        "",
        "read the cluster's files no faster than this, all partitions together"},
    option_spec{
        "checkpoint", 0, "spread|fast", "spread", "how the server makes the first checkpoint"},
    option_spec{
        "archive-timeout", 0, "SECONDS", "3600", "how long to wait for the backup's WAL to arrive"},
    option_spec{
        "no-archive-check", 0, "", "", "begin although the server seems not to archive its WAL"},
    option_spec{"while-offline", 0, "", "", "back up a server that is shut down"},
};

constexpr std::array backup_fetch_options{
    help_option,
    option_spec{"pool-size", 'p', "N", "4", "partitions that are fetched at the same time"},
    option_spec{"overwrite", 0, "", "", "remove what the directory holds first"},
    option_spec{"blind-restore", 0, "", "", "tablespaces without a place go into pg_tblspc itself"},
    option_spec{
        "restore-spec",
        0,
        "FILE|SOURCE",
        "",
        "where tablespaces go: a JSON file, or SOURCE for where they were"},
};

constexpr std::array backup_list_options{
    help_option,
    option_spec{"detail", 0, "", "", "fill in all columns, one more request for each backup"},
    option_spec{"json", 0, "", "", "all that is known of each backup, as JSON"},
    option_spec{"pretty", 0, "", "", "a table for people, with all columns"},
};

constexpr std::array delete_options{
    help_option,
    option_spec{"dry-run", 'n', "", "", "only show what would go, also with --confirm"},
    option_spec{"confirm", 0, "", "", "remove it; without, this is a dry run"},
    option_spec{
        "grace",
        0,
        "HOURS",
        "24",
        "backups without sentinel are left alone while they are younger"},
};

constexpr std::array wal_push_options{
    help_option,
    option_spec{"pool-size", 'p', "N", "32", "segments that are pushed at the same time"},
};

constexpr std::array wal_fetch_options{
    help_option,
    option_spec{"prefetch", 'p', "N", "8", "segments to fetch ahead; 0 for none"},
};

constexpr std::array wal_prefetch_operands{
    operand_spec{"WAL_DIRECTORY"}, operand_spec{"WAL_SEGMENT"}};

constexpr std::array wal_prefetch_options{
    help_option,
    option_spec{"prefetch", 'p', "N", "1", "segments to fetch, from this one on"},
    option_spec{
        "data-directory", 0, "DIR", "", "go on while the server of this directory recovers"},
};

constexpr std::array only_help{help_option};

constexpr std::array before_operand{operand_spec{"BEFORE_SEGMENT_EXCLUSIVE"}};
constexpr std::array retain_operand{operand_spec{"NUM_TO_RETAIN", true, true}};

constexpr std::array delete_subcommands{
    command_spec{
        "delete before",
        "remove the backups and WAL before a backup or a segment",
        before_operand,
        only_help,
        "wal-e delete before base_000000010000000000000005_00000040\n"
        "wal-e delete --confirm before 000000010000000000000005"},
    command_spec{
        "delete retain",
        "remove all but the backups that were taken last, and the WAL before them",
        retain_operand,
        only_help,
        "wal-e delete --confirm retain 7"},
    command_spec{
        "delete old-versions",
        "remove what WAL-E before 0.5 stored (formats 000 to 004)",
        {},
        only_help,
        "wal-e delete --confirm old-versions"},
    command_spec{
        "delete everything",
        "remove the whole archive",
        {},
        only_help,
        "wal-e delete --confirm everything"},
};

constexpr std::array all_commands{
    command_spec{
        "backup-push",
        "take a base backup of a running server",
        cluster_operand,
        backup_push_options,
        "wal-e backup-push /var/lib/postgresql/15/main\n"
        "wal-e backup-push --checkpoint=fast --pool-size 8 /var/lib/postgresql/15/main"},
    command_spec{
        "backup-fetch",
        "restore a base backup into a directory",
        fetch_operands,
        backup_fetch_options,
        "wal-e backup-fetch /var/lib/postgresql/15/main LATEST\n"
        "wal-e backup-fetch /mnt/restored base_000000010000000000000005_00000040"},
    command_spec{
        "backup-list",
        "list the base backups",
        query_operand,
        backup_list_options,
        "wal-e backup-list --detail\n"
        "wal-e backup-list --json LATEST",
        true,
        {},
        "0  done, also if there is no backup\n"
        "1  a failure that was foreseen, or details that could not be read\n"
        "2  a usage error, or a bug"},
    command_spec{
        "wal-push",
        "store one WAL segment; for archive_command",
        push_operand,
        wal_push_options,
        "archive_command = 'envdir /etc/wal-e.d/env wal-e wal-push %p'",
        false,
        {},
        "0  the store holds the file, durable, with exactly this content\n"
        "1  it does not, or not yet; PostgreSQL keeps the file and tries again\n"
        "2  a usage error, or a bug"},
    command_spec{
        "wal-fetch",
        "fetch one WAL segment; for restore_command",
        wal_fetch_operands,
        wal_fetch_options,
        "restore_command = 'envdir /etc/wal-e.d/env wal-e wal-fetch \"%f\" \"%p\"'\n"
        "wal-e wal-fetch --prefetch 0 000000010000000000000007 /tmp/segment",
        false,
        {},
        "0    fetched\n"
        "1    proven absent; on a standby and by hand also any failure\n"
        "126  in a targeted recovery: any other failure, so that it stops\n"
        "143  in a targeted recovery: SIGTERM or SIGINT"},
    command_spec{
        "wal-prefetch",
        "fetch WAL segments ahead; wal-fetch starts it",
        wal_prefetch_operands,
        wal_prefetch_options,
        "wal-e wal-prefetch /var/lib/postgresql/15/main/pg_wal 000000010000000000000007",
        false},
    command_spec{
        "delete",
        "remove old backups and WAL; a dry run unless told otherwise",
        {},
        delete_options,
        "wal-e delete retain 7\n"
        "wal-e delete --confirm retain 7",
        true,
        delete_subcommands},
    command_spec{"version", "show the version", {}, only_help, "wal-e version", false},
};

} // namespace

std::span<const option_spec> global_options() {
  return global;
}
std::span<const command_spec> commands() {
  return all_commands;
}

const command_spec* find_command(std::string_view name) {
  const auto found = std::ranges::find(all_commands, name, &command_spec::name);
  return found == all_commands.end() ? nullptr : &*found;
}

const command_spec* find_subcommand(const command_spec& command, std::string_view name) {
  for (const command_spec& s : command.subcommands)
    if (s.name.substr(command.name.size() + 1) == name) return &s;
  return nullptr;
}

} // namespace wale::command
