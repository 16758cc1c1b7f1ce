#include "children.h"
#include "arguments.h"
#include "calls.h"
#include "crash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In no order: some hundreds at most, among which each stranger is looked for. */
static struct {
  struct own_child *children;
  size_t count, capacity;
} own;

static void enter(enum section section) {
  enter_section(section);
  pthread_mutex_lock(&lock);
}

static void leave(enum section section) {
  pthread_mutex_unlock(&lock);
  leave_section(section);
}

void lock_children(void) { enter(SECTION_MAIN); }
void unlock_children(void) { leave(SECTION_MAIN); }
void lock_children_to_reap(void) { enter(SECTION_REAPER); }
void unlock_children_to_reap(void) { leave(SECTION_REAPER); }

bool prepare_own_child(void) {
  if (own.count < own.capacity) return true;
  size_t capacity = own.capacity == 0 ? 64 : 2 * own.capacity;
  struct own_child *children = realloc(own.children, capacity * sizeof *children);
  if (children == NULL) return false;
  own.children = children;
  own.capacity = capacity;
  return true;
}

void know_own_child(pid_t pid) {
  own.children[own.count++] = (struct own_child){.pid = pid};
  tell_reaper();
}

struct own_child *find_own_child(pid_t pid) {
  for (size_t i = 0; i < own.count; i++) {
    if (own.children[i].pid == pid) return &own.children[i];
  }
  return NULL;
}

void forget_who_has_ended(void) {
  for (size_t i = 0; i < own.count; i++) own.children[i].has_ended = false;
}

static void forget_own_child(pid_t pid) {
  struct own_child *child = find_own_child(pid);
  if (child == NULL) return;
  *child = own.children[--own.count];
  tell_reaper();
}

bool wait_for_child(idtype_t which, id_t pid, int options, siginfo_t *status) {
  int result;
  do {
    *status = (siginfo_t){0};
    result = waitid(which, pid, status, options | WEXITED);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

/* Whom the reaping thread has found; else the one that the kernel has first, if it is no stranger. */
static bool find_ended(siginfo_t *status) {
  for (size_t i = 0; i < own.count; i++) {
    if (!own.children[i].has_ended) continue;
    *status = own.children[i].status;
    return true;
  }
  return wait_for_child(P_ALL, 0, WNOHANG | WNOWAIT, status) && find_own_child(status->si_pid) != NULL;
}

static napi_value describe(napi_env env, const siginfo_t *status) {
  napi_value object, dumped;
  const char *how = status->si_code == CLD_EXITED ? "code" : "signal";
  napi_create_object(env, &object);
  napi_get_boolean(env, status->si_code == CLD_DUMPED, &dumped);
  napi_set_named_property(env, object, "pid", to_number(env, status->si_pid));
  napi_set_named_property(env, object, how, to_number(env, status->si_status));
  napi_set_named_property(env, object, "coreDumped", dumped);
  return object;
}

/** Makes a child the agent's own that an agent before it has started: (pid). Of one that is, it does nothing. */
napi_value call_expect_child(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t pid;
  if (!read_integer(env, argv[0], "pid", 1, INT32_MAX, &pid)) return NULL;
  lock_children();
  bool is_known = find_own_child((pid_t)pid) != NULL;
  bool has_room = is_known || prepare_own_child();
  if (!is_known && has_room) know_own_child((pid_t)pid);
  unlock_children();
  if (!has_room) throw_errno(env, ENOMEM, "realloc", NULL);
  return NULL;
}

/** An own child that has ended, which stays until reapChild: () gives {pid, code | signal, coreDumped} or undefined. */
napi_value call_peek_child(napi_env env, napi_callback_info info) {
  (void)info;
  siginfo_t status;
  lock_children();
  bool has_ended = find_ended(&status);
  unlock_children();
  return has_ended ? describe(env, &status) : NULL;
}

/** waitid(2) P_PID, WEXITED | WNOHANG: (pid) gives what peekChild gives. */
napi_value call_reap_child(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t pid;
  siginfo_t status;
  if (!read_integer(env, argv[0], "pid", 1, INT32_MAX, &pid)) return NULL;
  lock_children();
  bool is_child = wait_for_child(P_PID, (id_t)pid, WNOHANG, &status);
  bool has_ended = is_child && status.si_pid != 0;
  if (has_ended || !is_child) forget_own_child((pid_t)pid);
  unlock_children();
  return has_ended ? describe(env, &status) : NULL;
}
