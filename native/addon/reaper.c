/*
 * The thread that reaps strangers, and tells JavaScript of own children that have ended. A process that orphans others
 * as fast as it can costs the main thread nothing, and a main thread that is busy does not let zombies pile up.
 */
#include "calls.h"
#include "arguments.h"
#include "children.h"
#include "crash.h"
#include "thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * So long the main thread is given to take an own child: until then the kernel names no other one, and who ended after
 * it is found only by a look at each child. Looks are this factor of their own time apart.
 */
#define PATIENCE_NS 5000000ll
#define REST_FACTOR 4

static struct {
  pthread_t thread; /* until the process ends */
  bool is_running;  /* main thread only */
  /* Under the lock: where own children are told of; NULL while nobody watches, and then nothing is reaped. */
  napi_threadsafe_function news;
  _Atomic bool is_news_on_its_way;
  _Atomic uint32_t changes;
  _Atomic bool is_waiting;
} reaper;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void tell_reaper(void) {
  reaper.changes++;
  if (reaper.is_waiting) syscall(SYS_futex, &reaper.changes, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until something has changed since there were so many changes. Returns false when that took longer than the limit. */
static bool wait_for_change(uint32_t changes, int64_t limit_ns) {
  struct timespec limit = {.tv_sec = limit_ns / 1000000000, .tv_nsec = limit_ns % 1000000000};
  reaper.is_waiting = true;
  if (reaper.changes == changes) {
    syscall(SYS_futex, &reaper.changes, FUTEX_WAIT_PRIVATE, changes, limit_ns < 0 ? NULL : &limit, NULL, 0);
  }
  reaper.is_waiting = false;
  return reaper.changes != changes;
}

static void tell_javascript(void) {
  if (atomic_exchange(&reaper.is_news_on_its_way, true)) return;
  napi_call_threadsafe_function(reaper.news, NULL, napi_tsfn_nonblocking);
}

/* Under the lock. What was seen before it was taken may not be so any more, and the pid may be another child's. */
static void look_at_own(struct own_child *child) {
  if (child->has_ended) return;
  siginfo_t status;
  if (!wait_for_child(P_PID, (id_t)child->pid, WNOHANG | WNOWAIT, &status) || status.si_pid == 0) return;
  child->status = status;
  child->has_ended = true;
  tell_javascript();
}

enum child { CHILD_REAPED, CHILD_STAYS, CHILD_NOT_WATCHED };

static enum child reap_stranger(pid_t pid) {
  siginfo_t status;
  enum child result = CHILD_NOT_WATCHED;
  lock_children_to_reap();
  if (reaper.news != NULL) {
    struct own_child *own = find_own_child(pid);
    /* Only PID 1 inherits: in any other process a stranger is somebody else's, who waits for it. */
    bool is_inherited = own == NULL && getpid() == 1;
    if (is_inherited) wait_for_child(P_PID, (id_t)pid, WNOHANG, &status);
    if (own != NULL) look_at_own(own);
    result = is_inherited ? CHILD_REAPED : CHILD_STAYS;
  }
  unlock_children_to_reap();
  return result;
}

/* PID 1's first thread inherits, and starts the agent's own, too. */
static void look_at_each(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE *list = fopen(path, "re");
  if (list == NULL) return;
  int pid;
  while (fscanf(list, "%d", &pid) == 1) reap_stranger(pid);
  fclose(list);
}

/* Returns how long the next look has to wait. */
static int64_t look_behind(void) {
  int64_t begin = now_ns();
  look_at_each();
  int64_t rest = REST_FACTOR * (now_ns() - begin);
  return rest > PATIENCE_NS ? rest : PATIENCE_NS;
}

static void *run_reaper(void *nothing) {
  adopt_section(SECTION_REAPER);
  int64_t patience = PATIENCE_NS;
  for (;;) {
    siginfo_t status;
    uint32_t changes = reaper.changes;
    /* Without a child this does not wait; then none can become an orphan until one is started. */
    bool has_children = wait_for_child(P_ALL, 0, WNOWAIT, &status);
    enum child child = has_children ? reap_stranger(status.si_pid) : CHILD_NOT_WATCHED;
    if (child == CHILD_REAPED) continue;
    if (wait_for_change(changes, child == CHILD_STAYS ? patience : -1)) patience = PATIENCE_NS;
    else patience = look_behind();
  }
  return nothing;
}

/* Main thread: own children have ended. */
static void deliver(napi_env env, napi_value listener, void *context, void *data) {
  (void)context;
  (void)data;
  /* First, so that what comes after it is told anew. */
  reaper.is_news_on_its_way = false;
  if (env == NULL || listener == NULL) return;
  napi_value undefined, error;
  napi_get_undefined(env, &undefined);
  if (napi_call_function(env, undefined, listener, 0, NULL, NULL) == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_fatal_exception(env, error);
  }
}

static void watch(napi_threadsafe_function news) {
  lock_children();
  reaper.news = news;
  /* Nobody may have been told of them. */
  forget_who_has_ended();
  unlock_children();
  tell_reaper();
}

static void stop_watching(void *nothing) {
  (void)nothing;
  watch(NULL);
}

static napi_value throw_and_release(napi_env env, napi_threadsafe_function news, int reason) {
  napi_release_threadsafe_function(news, napi_tsfn_abort);
  return throw_errno(env, reason, "pthread_create", NULL);
}

/**
 * From now on strangers are reaped, and the listener is called when own children have ended, until closeChildWatch:
 * (listener).
 */
napi_value call_watch_children(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  napi_valuetype type;
  napi_typeof(env, argv[0], &type);
  if (type != napi_function) return throw_type_error(env, "listener", "a function");
  if (reaper.news != NULL) return throw_errno(env, EBUSY, "watchChildren", NULL);
  napi_value name;
  napi_threadsafe_function news;
  napi_create_string_utf8(env, "tether reaper", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, argv[0], NULL, name, 0, 1, NULL, NULL, NULL, deliver, &news) != napi_ok) {
    return throw_errno(env, ENOMEM, "watchChildren", NULL);
  }
  /* Waiting for strangers keeps no process alive. */
  napi_unref_threadsafe_function(env, news);
  reaper.is_news_on_its_way = false;
  int reason = reaper.is_running ? 0 : create_thread(&reaper.thread, run_reaper, NULL);
  if (reason != 0) return throw_and_release(env, news, reason);
  reaper.is_running = true;
  watch(news);
  /* It runs before the function's own, because it is added after it. */
  napi_add_env_cleanup_hook(env, stop_watching, NULL);
  return NULL;
}

/** From now on no child is reaped but by reapChild: (). The thread stays, for the next watch. */
napi_value call_close_child_watch(napi_env env, napi_callback_info info) {
  (void)info;
  napi_threadsafe_function news = reaper.news;
  if (news == NULL) return NULL;
  watch(NULL);
  napi_remove_env_cleanup_hook(env, stop_watching, NULL);
  napi_release_threadsafe_function(news, napi_tsfn_abort);
  return NULL;
}
