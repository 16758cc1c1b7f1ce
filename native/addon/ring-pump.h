/*
 * One thread that waits for all the descriptors of processes: outputs that have bytes (ring.c), inputs that
 * have room again (input.c). It tells JavaScript through one function, and never more than once until that
 * has come round.
 */
#ifndef TETHER_RING_PUMP_H
#define TETHER_RING_PUMP_H

#include "arguments.h"

/*
 * The lock is held by the thread inside SECTION_PUMP and by the main thread inside SECTION_MAIN, so that neither
 * is stopped by a crash, and the other one kept waiting, while it has it.
 */

/* One descriptor that the thread waits for; the first member of what it belongs to. */
struct watch {
  int descriptor;  /* a duplicate of its own, so that it cannot become another file; -1: none (any more) */
  uint32_t events; /* EPOLLIN or EPOLLOUT */
  /* In the thread, which holds the lock: the descriptor is ready. */
  void (*ready)(struct watch *);
  /* In the thread, which holds the lock: JavaScript has changed something. May be NULL. */
  void (*changed)(struct watch *);
  /*
   * In the thread, which holds the lock: a good time to give memory back, but for what will be used again at once, of
   * which `spare` bytes may stay; it takes them from there. May be NULL.
   */
  void (*trim)(struct watch *, uint64_t *spare);

  bool is_waited_for; /* in the epoll set; under the lock */
  _Atomic bool has_news;
  uint32_t place, generation; /* main thread only */
  napi_ref listener;          /* main thread only */
  bool keeps_alive;           /* the process, for as long as there may be news; main thread only */
};

/**
 * Starts the thread if need be and adds `watch` for `listener`, which is called without arguments; a descriptor
 * is not waited for yet. Main thread.
 *
 * @return false with an exception pending.
 */
bool add_watch(napi_env env, struct watch *watch, napi_value listener);

/** Lets the process end though this watch is open, once nothing will be told of it any more. Main thread. */
void settle_watch(napi_env env, struct watch *watch);

/** Forgets it and closes its descriptor. Main thread; again is fine. */
void remove_watch(napi_env env, struct watch *watch);

/**
 * Waits for the descriptor from now on, or no more. Under the lock.
 *
 * @return false with errno.
 */
bool wait_for_descriptor(struct watch *watch, bool is_wanted);

/** Closes the descriptor. Under the lock. */
void drop_descriptor(struct watch *watch);

/** Has JavaScript's listener called. Any thread. */
void tell_javascript(struct watch *watch);

/** Has `trim` called for all before long. Under the lock. */
void plan_trim(void);

/** True while nobody has to ask for `trim`. */
bool is_trim_planned(void);

/** Has `changed` called for all. Any thread. */
void wake_pump(void);

/** Takes the lock. Main thread. */
void lock_pump(void);

/** Gives the lock back; does not return when a crash has waited for it. Main thread. */
void unlock_pump(void);

#endif
