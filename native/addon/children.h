/*
 * Waiting for children: the agent's own, each of which somebody waits for, and strangers, which PID 1 inherits when
 * their parents end. Own ones are looked at and reaped in two steps, so that a crash between them loses no status; strangers
 * are nobody's news, and a thread of their own reaps them.
 */
#ifndef TETHER_CHILDREN_H
#define TETHER_CHILDREN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

/* One that the agent has started or expects. */
struct own_child {
  pid_t pid;
  bool has_ended;
  siginfo_t status; /* once it has ended */
};

/**
 * The lock is held over a child's start and its being known, and over a look at a child and its reaping: so no own
 * child is taken for a stranger, and a stranger whose pid an own one gets is gone before.
 *
 * The main thread holds it inside SECTION_MAIN, the reaping thread inside SECTION_REAPER, so that neither is stopped by
 * a crash, and the other one kept waiting, while it has it. This is the main thread's.
 */
void lock_children(void);

/** Gives the lock back; does not return when a crash has waited for it. Main thread. */
void unlock_children(void);

/** As lock_children. Reaping thread. */
void lock_children_to_reap(void);

/** As unlock_children. Reaping thread. */
void unlock_children_to_reap(void);

/** Makes room, so that one more child can be known. Under the lock; false without memory. */
bool prepare_own_child(void);

/** From now on, until it is reaped, this child is the agent's own. Under the lock, after prepare_own_child. */
void know_own_child(pid_t pid);

/** NULL for a stranger. Under the lock. */
struct own_child *find_own_child(pid_t pid);

/** Looks at all own children anew. Under the lock. */
void forget_who_has_ended(void);

/** waitid(2), not interrupted, with `status` all 0 where there is none. Returns false with errno. */
bool wait_for_child(idtype_t which, id_t pid, int options, siginfo_t *status);

/** Wakes the reaping thread where it waits for a change: a child was started, or an own one reaped. Any thread. */
void tell_reaper(void);

#endif
