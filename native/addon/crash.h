/*
 * A crash of PID 1 panics the kernel, so it ends in execve(2) of the agent in its own place.
 *
 * Sections are what a crash must not come between: a read from a process's output and the note of how
 * many bytes it brought, a write and its count, a child's start and its record. A crash of another thread
 * waits for them, and a signal that was merely sent waits until its own thread has left them.
 */
#ifndef TETHER_CRASH_H
#define TETHER_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Each belongs to one thread. */
enum section {
  SECTION_PUMP,
  SECTION_REAPER,
  SECTION_MAIN,
  SECTION_COUNT,
};

/** Makes the calling thread the one that may enter the section. */
void adopt_section(enum section section);

/** Enters; may be nested. Does not return when another thread is executing the agent anew. */
void enter_section(enum section section);

/** Leaves; what was put off meanwhile happens now, and then this does not return. */
void leave_section(enum section section);

/** True when somebody waits for this section to be left, so that long work stops in between. */
bool is_crash_waiting(void);

/* Why the agent is executed anew. */
struct crash {
  int signal; /* 0 for what is no signal */
  int code;   /* si_code */
  uint64_t address;
  bool is_sent; /* by kill(2) or the like: nothing is broken, so it can wait */
  char reason[96];
};

/** Puts the crash off when the calling thread is inside a section. From the signal handler. */
bool defer_crash(const struct crash *crash);

enum claim {
  CLAIM_FIRST,  /* the caller executes the agent anew */
  CLAIM_AGAIN,  /* it was doing so already when this happened */
};

/** Decides which thread executes the agent anew; the others wait in here for their end. */
enum claim claim_crash(void);

/** Waits, but no longer than about a second, until no other thread is inside a section. */
void wait_for_sections(void);

/**
 * From now on a crash of the calling thread is executed by the main thread: whoever executes a program gives the process
 * its own view of the file system. For one thread at a time; it does not come back from there.
 */
void leave_crashes_to_main_thread(void);

/** That thread has ended. */
void main_thread_goes_on(void);

/**
 * Leaves the crash to the main thread, when the calling thread has asked for that, and does not return; on the main
 * thread it replaces `crash` by the one that was left to it. Async-signal-safe.
 */
void pass_to_main_thread(struct crash *crash);

/** Executes the agent anew, as installed; returns only from a repeated signal. Async-signal-safe. */
void execute_anew(const struct crash *crash);

/* Another program to go on with. */
struct upgrade {
  int root;     /* descriptor of the directory that becomes its root */
  int old_root; /* and of the present one */
  char *path;
  char **args;
  char **environment;
  unsigned limit_s; /* after which the process gets SIGALRM, over execve(2), unless set_limit(0) comes first */
};

/** Executes the upgrade, and when it cannot be, the agent anew; returns as execute_anew. On the main thread. */
void execute_upgrade(const struct upgrade *upgrade);

/** SIGALRM after so many seconds, and again and again; 0: no more of it. Async-signal-safe. */
void set_limit(unsigned seconds);

/* What is remembered of one crash. */
struct crash_entry {
  uint64_t monotonic_ns;
  uint64_t address;
  int32_t signal, code;
  char reason[96];
};

#define CRASHES_REMEMBERED 16u

/* In a memory file, so that the next incarnation recognises a loop. */
struct crash_record {
  uint64_t magic;
  _Atomic uint64_t count;
  struct crash_entry latest[CRASHES_REMEMBERED]; /* crash number n, from 0, is at n % 16 */
};

/*
 * While an agent of another image has not proved itself (live upgrade), a crash hands the process back to the image
 * before, whose root is still as it was: its program is executed in that root.
 */
struct hand_back {
  _Atomic bool is_wanted;
  int root; /* descriptor of its directory */
  char *path;
};

/* What is prepared before a crash, because hardly anything may be done in it. */
struct crash_plan {
  pid_t process; /* 0 while nothing is installed */
  char *path;
  struct hand_back hand_back;
  char **args;
  char **environment; /* the last entry is `announcement` */
  char announcement[128];
  struct crash_record *record;
  bool powers_off; /* when the program can not be executed */
  bool is_armed_for_exit;
  sigset_t signals;
};

extern struct crash_plan crash_plan;

/** The handler of every fatal signal. */
void on_fatal_signal(int signal, siginfo_t *info, void *context);

/** For on_exit(3): PID 1 must not exit either. */
void on_process_exit(int status, void *nothing);

#endif
