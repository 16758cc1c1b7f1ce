#include "emulator.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Answers the calls for I/O privilege in the kernel's place: they succeed, and nothing happens. */
static void answer_privilege(pid_t tid, struct user_regs_struct *registers) {
  if (registers->orig_rax == SYS_iopl) {
    set_privilege(tid, registers->rdi == 3);
  } else {
    const uint64_t first = registers->rdi, count = registers->rsi;
    if (first <= LOW_BANDWIDTH_PORT && first + count > HIGH_BANDWIDTH_PORT) set_privilege(tid, (int)registers->rdx != 0);
  }
  registers->orig_rax = (unsigned long long)-1;
  registers->rax = 0;
  ptrace(PTRACE_SETREGS, tid, NULL, registers);
}

/* Returns how the thread goes on: to the end of its mapping, to look for CPUID there, or freely. */
static int on_system_call(pid_t tid) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0) return PTRACE_CONT;
  if (registers.orig_rax == SYS_mmap) return options.site_count == 0 ? PTRACE_CONT : PTRACE_SYSCALL;
  answer_privilege(tid, &registers);
  return PTRACE_CONT;
}

static int on_event(pid_t tid, int event) {
  unsigned long child;
  switch (event) {
    case PTRACE_EVENT_SECCOMP:
      return on_system_call(tid);
    case PTRACE_EVENT_EXEC:
      set_privilege(tid, false);
      set_breakpoints(tid);
      return PTRACE_CONT;
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
      if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child) == 0) thread_inherits(tid, (pid_t)child);
      return PTRACE_CONT;
    default:
      return PTRACE_CONT;
  }
}

/* Returns the signal that the program gets: the one that stopped it, unless it was for the emulator. */
static int on_signal(pid_t tid, int signal) {
  struct user_regs_struct registers;
  siginfo_t info;
  if (signal != SIGSEGV && signal != SIGTRAP) return signal;
  if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0) return signal;
  if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) != 0 || info.si_code <= 0) return signal;
  if (signal == SIGSEGV) {
    /* A general protection fault, not one of memory. */
    if (info.si_code != SI_KERNEL || !answer_fault(tid, &registers)) return signal;
  } else {
    if (info.si_code != SI_KERNEL || !is_breakpoint(tid, registers.rip - 1)) return signal;
    registers.rip += 1; /* behind CPUID's second byte */
    answer_cpuid(&registers);
  }
  ptrace(PTRACE_SETREGS, tid, NULL, &registers);
  return 0;
}

static void on_stop(pid_t tid, int status) {
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == PTRACE_EVENT_STOP) {
    /* A new thread, or a stop of job control, which lasts until SIGCONT. */
    ptrace(signal == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, tid, NULL, NULL);
  } else if (event != 0) {
    ptrace(on_event(tid, event), tid, NULL, NULL);
  } else if (signal == (SIGTRAP | 0x80)) {
    set_breakpoints(tid);
    ptrace(PTRACE_CONT, tid, NULL, NULL);
  } else {
    ptrace(PTRACE_CONT, tid, NULL, (long)on_signal(tid, signal));
  }
}

int trace_program(pid_t child) {
  for (;;) {
    int status;
    pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0) {
      if (errno == EINTR) continue;
      die("waitpid");
    }
    if (WIFSTOPPED(status)) {
      on_stop(tid, status);
      continue;
    }
    thread_ends(tid);
    if (tid == child) return status;
  }
}
