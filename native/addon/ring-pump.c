#include "ring-pump.h"

#include "crash.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Descriptors served before others are looked for. */
#define EVENTS_PER_ROUND 64

/*
 * Memory is given back this long after it became free: a busy ring uses it again at once, and taking it away
 * and back costs a page fault for each 4 KiB.
 */
#define TRIM_AFTER_MS 100

/* So much free memory stays with rings that are in use, all together: what one of them has. */
#define SPARE_BYTES (4u << 20)

#define WAKE UINT64_MAX

struct pump {
  bool is_running;
  napi_env env;
  int epoll, wake;
  pthread_t thread;
  pthread_mutex_t lock; /* over the watches; never held while the thread waits */
  bool is_stopping;
  struct watch **watches;
  uint32_t *generations;
  uint32_t places;
  uint32_t expecting; /* watches that keep the process alive; main thread only */
  napi_threadsafe_function news;
  _Atomic bool is_news_on_its_way;
  _Atomic int64_t trim_at; /* 0: no trim is planned */
};

static struct pump pump = {.epoll = -1, .wake = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void lock_pump(void) {
  enter_section(SECTION_MAIN);
  pthread_mutex_lock(&pump.lock);
}

void unlock_pump(void) {
  pthread_mutex_unlock(&pump.lock);
  leave_section(SECTION_MAIN);
}

void wake_pump(void) {
  /* An eventfd is full after 2^64 of these, and one is enough. */
  (void)!eventfd_write(pump.wake, 1);
}

void plan_trim(void) {
  if (pump.trim_at == 0) pump.trim_at = now_ms() + TRIM_AFTER_MS;
}

bool is_trim_planned(void) { return pump.trim_at != 0; }

void tell_javascript(struct watch *watch) {
  watch->has_news = true;
  if (!atomic_exchange(&pump.is_news_on_its_way, true)) {
    napi_call_threadsafe_function(pump.news, NULL, napi_tsfn_nonblocking);
  }
}

bool wait_for_descriptor(struct watch *watch, bool is_wanted) {
  if (watch->is_waited_for == is_wanted || watch->descriptor < 0) return true;
  struct epoll_event event = {
      .events = watch->events,
      .data.u64 = (uint64_t)watch->generation << 32 | watch->place,
  };
  /* Not EPOLL_CTL_MOD to no events: a hang-up would be reported all the same, again and again. */
  int operation = is_wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
  if (epoll_ctl(pump.epoll, operation, watch->descriptor, &event) != 0) return false;
  watch->is_waited_for = is_wanted;
  return true;
}

void drop_descriptor(struct watch *watch) {
  if (watch->descriptor < 0) return;
  wait_for_descriptor(watch, false);
  close(watch->descriptor);
  watch->descriptor = -1;
}

static struct watch *find(uint64_t data) {
  uint32_t place = (uint32_t)data, generation = (uint32_t)(data >> 32);
  if (place >= pump.places || pump.generations[place] != generation) return NULL;
  return pump.watches[place];
}

static void tell_all_of_change(void) {
  eventfd_t count;
  (void)!eventfd_read(pump.wake, &count);
  for (uint32_t place = 0; place < pump.places; place++) {
    struct watch *watch = pump.watches[place];
    if (watch != NULL && watch->changed != NULL) watch->changed(watch);
  }
}

static void trim_all(void) {
  uint64_t spare = SPARE_BYTES;
  pump.trim_at = 0;
  for (uint32_t place = 0; place < pump.places; place++) {
    struct watch *watch = pump.watches[place];
    if (watch != NULL && watch->trim != NULL) watch->trim(watch, &spare);
  }
}

static int time_to_trim(void) {
  if (pump.trim_at == 0) return -1;
  int64_t left = pump.trim_at - now_ms();
  return left < 0 ? 0 : (int)left;
}

static void serve(const struct epoll_event *events, int count) {
  for (int i = 0; i < count && !is_crash_waiting(); i++) {
    if (events[i].data.u64 == WAKE) {
      tell_all_of_change();
      continue;
    }
    struct watch *watch = find(events[i].data.u64);
    if (watch != NULL && watch->is_waited_for) watch->ready(watch);
  }
  if (pump.trim_at != 0 && now_ms() >= pump.trim_at) trim_all();
}

static void *run_pump(void *nothing) {
  struct epoll_event events[EVENTS_PER_ROUND];
  adopt_section(SECTION_PUMP);
  bool is_stopping = false;
  while (!is_stopping) {
    int count = epoll_wait(pump.epoll, events, EVENTS_PER_ROUND, time_to_trim());
    enter_section(SECTION_PUMP);
    pthread_mutex_lock(&pump.lock);
    serve(events, count);
    is_stopping = pump.is_stopping;
    pthread_mutex_unlock(&pump.lock);
    leave_section(SECTION_PUMP);
  }
  return nothing;
}

/* Main thread: calls the listener of every watch that has news. */
static void deliver(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)context;
  (void)data;
  /* Before the first look, so that what comes after it is told anew. */
  pump.is_news_on_its_way = false;
  if (env == NULL) return;
  napi_value undefined, listener, error;
  napi_get_undefined(env, &undefined);
  for (uint32_t place = 0; place < pump.places; place++) {
    struct watch *watch = pump.watches[place];
    if (watch == NULL || !atomic_exchange(&watch->has_news, false)) continue;
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    napi_get_reference_value(env, watch->listener, &listener);
    /* One listener that throws must not keep the others from their news. */
    if (napi_call_function(env, undefined, listener, 0, NULL, NULL) == napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
    napi_close_handle_scope(env, scope);
    /* The listener may have closed its watch. */
    if (pump.watches[place] == watch) settle_watch(env, watch);
  }
}

static void close_pump(void) {
  if (pump.epoll >= 0) close(pump.epoll);
  if (pump.wake >= 0) close(pump.wake);
  pump.epoll = pump.wake = -1;
}

/* Main thread, when the environment is torn down. */
static void stop_pump(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  (void)hint;
  lock_pump();
  pump.is_stopping = true;
  unlock_pump();
  wake_pump();
  pthread_join(pump.thread, NULL);
  close_pump();
  pump.is_running = pump.is_stopping = false;
}

static bool open_descriptors(napi_env env) {
  pump.epoll = epoll_create1(EPOLL_CLOEXEC);
  pump.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE};
  if (pump.epoll >= 0 && pump.wake >= 0 && epoll_ctl(pump.epoll, EPOLL_CTL_ADD, pump.wake, &event) == 0) {
    return true;
  }
  throw_errno(env, errno, "epoll_create1", NULL);
  return false;
}

static bool start_thread(napi_env env) {
  int reason = create_thread(&pump.thread, run_pump, NULL);
  if (reason == 0) return true;
  throw_errno(env, reason, "pthread_create", NULL);
  return false;
}

static bool start_pump(napi_env env) {
  if (pump.is_running) {
    if (pump.env == env) return true;
    throw_errno(env, EBUSY, "openRing", NULL);
    return false;
  }
  napi_value name;
  napi_create_string_utf8(env, "tether pump", NAPI_AUTO_LENGTH, &name);
  if (!open_descriptors(env)) {
    close_pump();
    return false;
  }
  if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, stop_pump, NULL, deliver,
                                      &pump.news) != napi_ok) {
    close_pump();
    return false;
  }
  /* Only what there may be news of keeps the process alive. */
  napi_unref_threadsafe_function(env, pump.news);
  pump.env = env;
  pump.is_running = start_thread(env);
  return pump.is_running;
}

/* A place that is free; the table grows, and a place's generation tells its users apart. */
static bool find_place(uint32_t *place) {
  for (*place = 0; *place < pump.places; ++*place) {
    if (pump.watches[*place] == NULL) return true;
  }
  uint32_t places = pump.places == 0 ? 16 : 2 * pump.places;
  struct watch **watches = realloc(pump.watches, places * sizeof *watches);
  if (watches != NULL) pump.watches = watches;
  uint32_t *generations = realloc(pump.generations, places * sizeof *generations);
  if (generations != NULL) pump.generations = generations;
  if (watches == NULL || generations == NULL) return false;
  for (uint32_t i = pump.places; i < places; i++) {
    watches[i] = NULL;
    generations[i] = 0;
  }
  pump.places = places;
  return true;
}

bool add_watch(napi_env env, struct watch *watch, napi_value listener) {
  napi_valuetype type;
  napi_typeof(env, listener, &type);
  if (type != napi_function) {
    throw_type_error(env, "listener", "a function");
    return false;
  }
  if (!start_pump(env)) return false;
  lock_pump();
  bool is_placed = find_place(&watch->place);
  if (is_placed) {
    pump.watches[watch->place] = watch;
    watch->generation = ++pump.generations[watch->place];
  }
  unlock_pump();
  if (!is_placed) {
    throw_errno(env, ENOMEM, "realloc", NULL);
    return false;
  }
  napi_create_reference(env, listener, 1, &watch->listener);
  watch->keeps_alive = true;
  if (pump.expecting++ == 0) napi_ref_threadsafe_function(env, pump.news);
  return true;
}

static void let_end(napi_env env, struct watch *watch) {
  if (!watch->keeps_alive) return;
  watch->keeps_alive = false;
  if (--pump.expecting == 0 && pump.is_running) napi_unref_threadsafe_function(env, pump.news);
}

void settle_watch(napi_env env, struct watch *watch) {
  lock_pump();
  bool has_more = watch->descriptor >= 0 || watch->has_news;
  unlock_pump();
  if (!has_more) let_end(env, watch);
}

void remove_watch(napi_env env, struct watch *watch) {
  if (watch->listener == NULL) return;
  lock_pump();
  drop_descriptor(watch);
  pump.watches[watch->place] = NULL;
  unlock_pump();
  napi_delete_reference(env, watch->listener);
  watch->listener = NULL;
  let_end(env, watch);
}
