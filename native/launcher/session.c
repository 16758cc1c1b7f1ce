/* What the process runs under: session, terminal, limits, masks. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own numbers and structure, because musl keeps signals 32 to 34 from its callers. */
#define LAST_SIGNAL 64
#define SIGNAL_SET_BYTES 8

struct kernel_sigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

/** setsid(2), unless this process leads its session already. */
bool start_session(const struct instructions *instructions, const char **detail) {
  (void)instructions;
  (void)detail;
  return getsid(0) == getpid() || setsid() >= 0;
}

/* node-pty opens both ends of a pty non-blocking, and no program expects that of its terminal. */
static void make_blocking(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK);
}

/** ioctl TIOCSCTTY on descriptor 0. */
bool take_terminal(const struct instructions *instructions, const char **detail) {
  (void)detail;
  if (!instructions->tty) return true;
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) make_blocking(descriptor);
  return ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0;
}

/** setrlimit(2), in the given order. */
bool set_limits(const struct instructions *instructions, const char **detail) {
  for (size_t i = 0; i < instructions->limit_count; i++) {
    const struct limit *limit = &instructions->limits[i];
    *detail = limit->text;
    if (setrlimit(limit->resource, &limit->value) != 0) return false;
  }
  return true;
}

/** umask(2). */
bool set_umask(const struct instructions *instructions, const char **detail) {
  (void)detail;
  if (instructions->has_umask) umask(instructions->umask);
  return true;
}

/**
 * Every signal at its default and none blocked. Node ignores SIGPIPE, and an ignored signal stays ignored
 * over execve: `yes | head` would never end.
 */
bool reset_signals(const struct instructions *instructions, const char **detail) {
  (void)instructions;
  (void)detail;
  struct kernel_sigaction by_default = {.handler = SIG_DFL};
  for (int number = 1; number <= LAST_SIGNAL; number++) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (syscall(SYS_rt_sigaction, number, &by_default, NULL, SIGNAL_SET_BYTES) != 0) return false;
  }
  uint64_t none = 0;
  return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_BYTES) == 0;
}
