// usage: deny_io_uring EPERM|ENOSYS PROGRAM [ARGUMENT...]
//
// Runs a program under a seccomp filter that refuses every io_uring call with that error, as the
// default profiles of container engines (EPERM) and kernels without io_uring (ENOSYS) do.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

bool refuse(unsigned error) {
  // The three calls are neighbours, with the same numbers on every architecture since Linux 5.1.
  static_assert(__NR_io_uring_enter == __NR_io_uring_setup + 1);
  static_assert(__NR_io_uring_register == __NR_io_uring_setup + 2);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, __NR_io_uring_setup, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, __NR_io_uring_register, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {sizeof program / sizeof *program, program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

int main(int argc, char** argv) {
  const bool eperm = argc > 2 && strcmp(argv[1], "EPERM") == 0;
  if (argc < 3 || (!eperm && strcmp(argv[1], "ENOSYS") != 0)) {
    fputs("usage: deny_io_uring EPERM|ENOSYS PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  if (!refuse(eperm ? EPERM : ENOSYS)) {
    perror("seccomp");
    return 125;
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
