/* What happens in a crash: only async-signal-safe calls, only memory that was prepared. */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* execve(2) may lack memory for a moment. */
#define ATTEMPTS 50
#define BETWEEN_ATTEMPTS_NS 20000000l

/* The shell's convention for a program that could not be executed. */
#define EXIT_NOT_EXECUTED 126

/* How what is told of an upgrade that failed begins. */
#define UPGRADE_FAILED "upgrade failed: "

struct crash_plan crash_plan;

static size_t append(char *text, size_t length, size_t size, const char *more) {
  while (*more != '\0' && length + 1 < size) text[length++] = *more++;
  text[length] = '\0';
  return length;
}

static size_t append_number(char *text, size_t length, size_t size, int number) {
  char digits[12];
  size_t first = sizeof digits - 1;
  digits[first] = '\0';
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return append(text, length, size, digits + first);
}

static void remember(const struct crash *crash) {
  struct crash_record *record = crash_plan.record;
  if (record == NULL) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct crash_entry *entry = &record->latest[record->count % CRASHES_REMEMBERED];
  entry->monotonic_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
  entry->address = crash->address;
  entry->signal = crash->signal;
  entry->code = crash->code;
  memcpy(entry->reason, crash->reason, sizeof entry->reason);
  record->count++;
}

/*
 * execve keeps the mask, and pending signals. Those that were blocked come when they are not any more: not to
 * handlers of a runtime that is broken, which may wait for a lock. SIG_DFL and not SIG_IGN, which execve
 * would keep, and which for SIGCHLD would throw statuses away.
 */
static void reset_signals(void) {
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action;
    if (sigismember(&crash_plan.signals, signal) == 1) continue;
    if (sigaction(signal, NULL, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = (struct sigaction){.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Node marks its standard streams close-on-exec at start-up. */
static void keep_standard_streams(void) {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
    fcntl(descriptor, F_SETFD, 0);
  }
}

static void announce(const char *prefix, const char *reason) {
  size_t size = sizeof crash_plan.announcement;
  size_t length = append(crash_plan.announcement, 0, size, "TETHER_CRASH=");
  length = append(crash_plan.announcement, length, size, prefix);
  append(crash_plan.announcement, length, size, reason);
}

/* Returns with errno when it cannot. */
static void try_to_execute(const char *path, char **args, char **environment) {
  struct timespec pause = {.tv_nsec = BETWEEN_ATTEMPTS_NS};
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    execve(path, args, environment);
    if (errno != ENOMEM && errno != EAGAIN) break;
    nanosleep(&pause, NULL);
  }
}

static bool change_root(int root) { return fchdir(root) == 0 && chroot(".") == 0; }

static void execute(const struct crash *crash) {
  const struct hand_back *back = &crash_plan.hand_back;
  announce(back->is_wanted ? UPGRADE_FAILED : "", crash->reason);
  keep_standard_streams();
  reset_signals();
  if (back->is_wanted) {
    set_limit(0);
    if (change_root(back->root)) try_to_execute(back->path, crash_plan.args, crash_plan.environment);
  }
  try_to_execute(crash_plan.path, crash_plan.args, crash_plan.environment);
}

static _Noreturn void give_up(const struct crash *crash, int error) {
  char line[256];
  size_t length = append(line, 0, sizeof line, "tether: ");
  length = append(line, length, sizeof line, crash->reason);
  length = append(line, length, sizeof line, ", and executing ");
  length = append(line, length, sizeof line, crash_plan.path);
  length = append(line, length, sizeof line, " anew failed: errno ");
  length = append_number(line, length, sizeof line, error);
  length = append(line, length, sizeof line, "\n");
  (void)!write(STDERR_FILENO, line, length);
  if (crash_plan.powers_off) {
    sync();
    reboot(RB_POWER_OFF);
  }
  _exit(EXIT_NOT_EXECUTED);
}

void execute_anew(const struct crash *crash) {
  static int repetitions;
  if (claim_crash() == CLAIM_FIRST) {
    wait_for_sections();
    remember(crash);
  } else {
    /* What is sent adds nothing; a fault is one of this very code, which is left out the next time. */
    if (crash->is_sent) return;
    if (repetitions++ > 0) give_up(crash, EFAULT);
  }
  execute(crash);
  give_up(crash, errno);
}

void set_limit(unsigned seconds) {
  struct itimerval limit = {
      .it_value.tv_sec = seconds,
      /* The first may fall into a section that is never left; the second is not put off. */
      .it_interval.tv_sec = seconds == 0 ? 0 : 1,
  };
  setitimer(ITIMER_REAL, &limit, NULL);
}

void execute_upgrade(const struct upgrade *upgrade) {
  if (claim_crash() != CLAIM_FIRST) return;
  wait_for_sections();
  keep_standard_streams();
  reset_signals();
  set_limit(upgrade->limit_s);
  if (change_root(upgrade->root)) try_to_execute(upgrade->path, upgrade->args, upgrade->environment);
  int error = errno;
  set_limit(0);
  struct crash crash = {0};
  size_t size = sizeof crash.reason;
  size_t length = append(crash.reason, 0, size, UPGRADE_FAILED "executing it: errno ");
  append_number(crash.reason, length, size, error);
  change_root(upgrade->old_root);
  remember(&crash);
  execute(&crash);
  give_up(&crash, errno);
}

/* abort(3) sends its signal, too, but does not wait: when its handler returns, it kills the process. */
static bool is_sent(const siginfo_t *info) {
  if (info->si_signo == SIGALRM) return true;
  return info->si_code <= 0 && !(info->si_code == SI_TKILL && info->si_pid == getpid());
}

static void describe_signal(int signal, struct crash *crash) {
  size_t size = sizeof crash->reason;
  const char *name = sigabbrev_np(signal);
  if (signal == SIGALRM) append(crash->reason, 0, size, "not confirmed in time");
  else append(crash->reason, append(crash->reason, 0, size, "SIG"), size, name == NULL ? "RT" : name);
}

void on_fatal_signal(int signal, siginfo_t *info, void *context) {
  (void)context;
  int error = errno;
  /* A copy of the process (fork) that has not executed its program yet must not become a second agent. */
  if (getpid() != crash_plan.process) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
    raise(signal);
    return;
  }
  struct crash crash = {.signal = signal, .code = info->si_code, .is_sent = is_sent(info)};
  if (info->si_code > 0) crash.address = (uint64_t)info->si_addr;
  describe_signal(signal, &crash);
  pass_to_main_thread(&crash);
  if (!defer_crash(&crash)) execute_anew(&crash);
  errno = error;
}

void on_process_exit(int status, void *nothing) {
  (void)nothing;
  if (!crash_plan.is_armed_for_exit || getpid() != crash_plan.process) return;
  struct crash crash = {0};
  size_t length = append(crash.reason, 0, sizeof crash.reason, "exit ");
  append_number(crash.reason, length, sizeof crash.reason, status & 0xff);
  execute_anew(&crash);
}
