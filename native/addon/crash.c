/* JavaScript's side of crashes: preparing for them, causing one, what is remembered of them. */
#include "crash.h"
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANNOUNCEMENT "TETHER_CRASH="
#define RECORD_MAGIC 0x3143524852544554u /* TETHRCR1 */

/* Ours takes about 2 KiB; the kernel's frame with AVX-512 and AMX state up to 11. */
#define STACK_BYTES 65536u

/* A stack overflow leaves no room for the handler on the stack itself. */
static int use_alternate_stack(void) {
  static void *memory;
  if (memory == NULL) {
    memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
      memory = NULL;
      return errno;
    }
  }
  stack_t stack = {.ss_sp = memory, .ss_size = STACK_BYTES};
  return sigaltstack(&stack, NULL) == 0 ? 0 : errno;
}

static struct crash_record *map_record(napi_env env, int descriptor) {
  struct crash_record *record =
      mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (record == MAP_FAILED) {
    throw_errno(env, errno, "mmap", NULL);
    return NULL;
  }
  if (record->magic == RECORD_MAGIC) return record;
  munmap(record, sizeof *record);
  throw_type_error(env, "record", "what makeCrashRecord returned");
  return NULL;
}

/** A memory file in which crashes are counted: () gives its descriptor, close-on-exec. */
napi_value call_make_crash_record(napi_env env, napi_callback_info info) {
  (void)info;
  struct crash_record empty = {.magic = RECORD_MAGIC};
  int file = memfd_create("crashes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return throw_errno(env, errno, "memfd_create", NULL);
  if (write(file, &empty, sizeof empty) != sizeof empty ||
      fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw_errno(env, errno, "write", NULL);
    close(file);
    return NULL;
  }
  return to_number(env, file);
}

static napi_value describe(napi_env env, const struct crash_entry *entry) {
  napi_value object, at, reason;
  napi_create_object(env, &object);
  napi_create_double(env, (double)entry->monotonic_ns / 1e6, &at);
  napi_create_string_latin1(env, entry->reason, strnlen(entry->reason, sizeof entry->reason), &reason);
  napi_set_named_property(env, object, "reason", reason);
  napi_set_named_property(env, object, "monotonicMs", at);
  napi_set_named_property(env, object, "signal", to_number(env, entry->signal));
  napi_set_named_property(env, object, "signalCode", to_number(env, entry->code));
  napi_set_named_property(env, object, "address", to_number(env, (int64_t)entry->address));
  return object;
}

/** What a crash record holds: (record) gives {count, latest}, the oldest first. */
napi_value call_read_crash_record(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int descriptor;
  if (!read_descriptor(env, argv[0], "record", &descriptor)) return NULL;
  struct crash_record *record = map_record(env, descriptor);
  if (record == NULL) return NULL;
  uint64_t count = record->count;
  uint64_t first = count > CRASHES_REMEMBERED ? count - CRASHES_REMEMBERED : 0;
  napi_value object, latest;
  napi_create_object(env, &object);
  napi_create_array(env, &latest);
  for (uint64_t i = first; i < count; i++) {
    napi_set_element(env, latest, (uint32_t)(i - first), describe(env, &record->latest[i % CRASHES_REMEMBERED]));
  }
  napi_set_named_property(env, object, "count", to_number(env, (int64_t)count));
  napi_set_named_property(env, object, "latest", latest);
  munmap(record, sizeof *record);
  return object;
}

static bool read_signals(napi_env env, napi_value list, sigset_t *signals) {
  uint32_t length = 0;
  sigemptyset(signals);
  if (napi_get_array_length(env, list, &length) != napi_ok || length > 64) {
    throw_type_error(env, "signals", "an array of signal numbers");
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    int64_t number;
    if (napi_get_element(env, list, i, &element) != napi_ok ||
        !read_integer(env, element, "signals", 1, 31, &number)) {
      return false;
    }
    sigaddset(signals, (int)number);
  }
  return true;
}

/* The new environment says why, which an old one's word must not contradict. */
static char **with_announcement(char **environment, char *announcement) {
  size_t length = 0, kept = 0;
  while (environment[length] != NULL) length++;
  char **result = calloc(length + 2, sizeof *result);
  if (result == NULL) return NULL;
  for (size_t i = 0; i < length; i++) {
    if (strncmp(environment[i], ANNOUNCEMENT, strlen(ANNOUNCEMENT)) == 0) free(environment[i]);
    else result[kept++] = environment[i];
  }
  free(environment);
  result[kept] = announcement;
  return result;
}

static bool read_flag(napi_env env, napi_value object, const char *name, bool *result) {
  napi_value value;
  if (!read_property(env, object, name, &value)) return false;
  if (napi_get_value_bool(env, value, result) == napi_ok) return true;
  throw_type_error(env, name, "a boolean");
  return false;
}

/* {root, path}, or nothing. */
static bool read_hand_back(napi_env env, napi_value object, struct hand_back *back) {
  napi_value value, root, path;
  if (!read_property(env, object, "handBack", &value)) return false;
  if (is_absent(env, value)) return true;
  if (!read_property(env, value, "root", &root) || !read_property(env, value, "path", &path) ||
      !read_descriptor(env, root, "root", &back->root)) {
    return false;
  }
  back->path = read_string(env, path, "path");
  back->is_wanted = back->path != NULL;
  return back->is_wanted;
}

static bool read_plan(napi_env env, napi_value object, struct crash_plan *plan) {
  napi_value path, args, environment, signals, record;
  if (!read_property(env, object, "path", &path) || !read_property(env, object, "args", &args) ||
      !read_property(env, object, "env", &environment) || !read_property(env, object, "signals", &signals) ||
      !read_property(env, object, "record", &record) ||
      !read_flag(env, object, "powersOff", &plan->powers_off) ||
      !read_flag(env, object, "atExit", &plan->is_armed_for_exit) ||
      !read_hand_back(env, object, &plan->hand_back) ||
      !read_signals(env, signals, &plan->signals)) {
    return false;
  }
  int descriptor;
  if (!is_absent(env, record) && (!read_descriptor(env, record, "record", &descriptor) ||
                                  (plan->record = map_record(env, descriptor)) == NULL)) {
    return false;
  }
  return (plan->path = read_string(env, path, "path")) != NULL &&
         (plan->args = read_vector(env, args, "args")) != NULL &&
         (plan->environment = read_vector(env, environment, "env")) != NULL;
}

static void free_plan(struct crash_plan *plan) {
  free(plan->path);
  free(plan->hand_back.path);
  free_vector(plan->args);
  free_vector(plan->environment);
  if (plan->record != NULL) munmap(plan->record, sizeof *plan->record);
}

static int catch_signals(const sigset_t *signals) {
  struct sigaction action = {
      .sa_sigaction = on_fatal_signal,
      /* Not deferred, so that a fault in the handler comes to it too, and does not kill. */
      .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
  };
  sigemptyset(&action.sa_mask);
  for (int signal = 1; signal < 32; signal++) {
    if (sigismember(signals, signal) == 1 && sigaction(signal, &action, NULL) != 0) return errno;
  }
  return 0;
}

/**
 * From now on a fatal signal executes a program in the process's place:
 * ({path, args, env, signals, record, powersOff, atExit}). Once per process.
 */
napi_value call_install_crash_handler(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (crash_plan.process != 0) return throw_errno(env, EALREADY, "installCrashHandler", NULL);
  struct crash_plan plan = {0};
  char **environment = NULL;
  if (read_plan(env, argv[0], &plan)) {
    environment = with_announcement(plan.environment, crash_plan.announcement);
    if (environment == NULL) throw_errno(env, ENOMEM, "malloc", NULL);
  }
  if (environment == NULL) {
    free_plan(&plan);
    return NULL;
  }
  plan.environment = environment;
  plan.process = getpid();
  adopt_section(SECTION_MAIN);
  crash_plan = plan;
  int reason = use_alternate_stack();
  if (reason == 0) reason = catch_signals(&crash_plan.signals);
  if (reason == 0 && plan.is_armed_for_exit && on_exit(on_process_exit, NULL) != 0) reason = ENOMEM;
  if (reason != 0) throw_errno(env, reason, "sigaction", NULL);
  return NULL;
}

/** Executes the program that the crash handler would: (reason). Returns only by throwing. */
napi_value call_restart(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (crash_plan.process == 0) return throw_errno(env, EINVAL, "restart", NULL);
  char *reason = read_string(env, argv[0], "reason");
  if (reason == NULL) return NULL;
  struct crash crash = {0};
  strncpy(crash.reason, reason, sizeof crash.reason - 1);
  free(reason);
  execute_anew(&crash);
  return NULL;
}

/** From here on, until leaveSection as often, a crash waits if it can: (). */
napi_value call_enter_section(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  enter_section(SECTION_MAIN);
  return NULL;
}

/** The opposite of enterSection; does not return when a crash has waited for it: (). */
napi_value call_leave_section(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  leave_section(SECTION_MAIN);
  return NULL;
}
