/*
 * System calls whose answers the emulator gives: I/O privilege, which would let the instructions through to the
 * machine's own ports; AF_VSOCK, which open-vm-tools tries before the backdoor; and mappings of code, in which CPUID
 * is to be found.
 */
#include "emulator.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define WHEN(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (then), (otherwise))
#define WHEN_ANY(bits, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (then), (otherwise))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))

void install_filter(void) {
  const uint32_t privilege = options.is_restricted ? SECCOMP_RET_TRACE : SECCOMP_RET_ERRNO | 0;
  struct sock_filter program[] = {
      LOAD(arch),
      WHEN(AUDIT_ARCH_X86_64, 1, 0),
      ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
      LOAD(nr),
      WHEN(SYS_iopl, 3, 0),
      WHEN(SYS_ioperm, 0, 3),
      /* Other ports are the machine's. */
      LOAD(args[0]),
      WHEN(LOW_BANDWIDTH_PORT, 0, 9),
      ANSWER(privilege),
      WHEN(SYS_socket, 0, 2),
      LOAD(args[0]),
      WHEN(AF_VSOCK, 6, 5),
      WHEN(SYS_mmap, 0, 4),
      LOAD(args[2]),
      WHEN_ANY(PROT_EXEC, 0, 2),
      LOAD(args[4]),
      WHEN((uint32_t)-1, 0, 2),
      ANSWER(SECCOMP_RET_ALLOW),
      ANSWER(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      ANSWER(SECCOMP_RET_TRACE),
  };
  struct sock_fprog filter = {sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) die("seccomp");
}
