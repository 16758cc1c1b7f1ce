#include "crash.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A section is a system call or two; only a machine that swaps or stands still takes longer. */
#define LONGEST_WAIT_NS 1000000000ll
#define LOOK_EVERY_NS 200000l

struct state {
  pid_t thread;
  int depth; /* of its own thread only */
  _Atomic bool is_occupied;
};

static struct state sections[SECTION_COUNT];
/* The thread that executes the agent anew. */
static _Atomic pid_t crashing;
static _Atomic bool is_deferred;
static struct crash deferred;

/* The thread whose view of the file system is not the process's; 0: there is none. */
static _Atomic pid_t estranged;
static _Atomic bool is_passed;
static struct crash passed;

/* The thread ends with the execve(2) of another one. Signals would only pile up on its stack. */
static _Noreturn void wait_for_the_end(void) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  for (;;) pause();
}

static bool is_inside(pid_t thread) {
  for (int i = 0; i < SECTION_COUNT; i++) {
    if (sections[i].thread == thread && sections[i].is_occupied) return true;
  }
  return false;
}

static void abandon_sections(pid_t thread) {
  for (int i = 0; i < SECTION_COUNT; i++) {
    if (sections[i].thread == thread) sections[i].is_occupied = false;
  }
}

void adopt_section(enum section section) { sections[section].thread = gettid(); }

void enter_section(enum section section) {
  struct state *state = &sections[section];
  if (state->depth++ > 0) return;
  state->is_occupied = true;
  /* Whoever crashes says so first and looks at the sections then, so one of both sees the other. */
  if (crashing == 0) return;
  state->is_occupied = false;
  wait_for_the_end();
}

void leave_section(enum section section) {
  struct state *state = &sections[section];
  if (--state->depth > 0) return;
  state->is_occupied = false;
  if (crashing != 0) wait_for_the_end();
  if (is_deferred) execute_anew(&deferred);
}

bool is_crash_waiting(void) { return crashing != 0 || is_deferred; }

bool defer_crash(const struct crash *crash) {
  if (!crash->is_sent || !is_inside(gettid())) return false;
  /* Time was up before, too: the section is not left any more. */
  if (is_deferred && crash->signal == SIGALRM && deferred.signal == SIGALRM) return false;
  /* One is enough; a second one on another thread at the same time is the same news. */
  if (!is_deferred) deferred = *crash;
  is_deferred = true;
  return true;
}

enum claim claim_crash(void) {
  pid_t self = gettid(), nobody = 0;
  if (atomic_compare_exchange_strong(&crashing, &nobody, self)) return CLAIM_FIRST;
  if (nobody == self) return CLAIM_AGAIN;
  abandon_sections(self);
  wait_for_the_end();
}

void leave_crashes_to_main_thread(void) { estranged = gettid(); }

void main_thread_goes_on(void) { estranged = 0; }

void pass_to_main_thread(struct crash *crash) {
  if (is_passed && gettid() == getpid()) *crash = passed;
  if (estranged == 0 || gettid() != estranged) return;
  if (crashing == 0) {
    passed = *crash;
    /* The main thread waits for this one, which does nothing any more: so nothing can wait for a better moment. */
    passed.is_sent = false;
    is_passed = true;
    syscall(SYS_tgkill, getpid(), getpid(), crash->signal);
  }
  wait_for_the_end();
}

static bool is_anybody_inside(pid_t but) {
  for (int i = 0; i < SECTION_COUNT; i++) {
    if (sections[i].is_occupied && sections[i].thread != but) return true;
  }
  return false;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void wait_for_sections(void) {
  pid_t self = gettid();
  int64_t limit = now_ns() + LONGEST_WAIT_NS;
  struct timespec pause = {.tv_nsec = LOOK_EVERY_NS};
  while (is_anybody_inside(self) && now_ns() < limit) nanosleep(&pause, NULL);
}
