/* JavaScript's side of rings. */
#include "ring.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PAGE 4096
#define LARGEST_CAPACITY (1ll << 30)

/* Offsets are JavaScript's numbers, exact up to here. */
#define LARGEST_OFFSET ((1ll << 53) - 1)

/** A memory file for a process's output: (capacity) gives its descriptor, close-on-exec. */
napi_value call_make_ring(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t capacity;
  if (!read_integer(env, argv[0], "capacity", PAGE, LARGEST_CAPACITY, &capacity)) return NULL;
  if (capacity % PAGE != 0) return throw_type_error(env, "capacity", "a multiple of 4096");
  int file = make_ring_file((uint64_t)capacity);
  if (file < 0) return throw_errno(env, errno, "memfd_create", NULL);
  return to_number(env, file);
}

static void close_ring(napi_env env, struct ring *ring) {
  remove_watch(env, &ring->watch);
  if (ring->watch.descriptor >= 0) close(ring->watch.descriptor);
  ring->watch.descriptor = -1;
  unmap_ring(ring);
}

static void drop_handle(napi_env env, void *data, void *hint) {
  (void)hint;
  close_ring(env, data);
  free(data);
}

/* The process has the other end; nobody else shares this one, so it may become non-blocking. */
static int take_source(struct ring *ring, int source) {
  ring->watch.descriptor = fcntl(source, F_DUPFD_CLOEXEC, 3);
  if (ring->watch.descriptor < 0) return errno;
  int flags = fcntl(source, F_GETFL);
  return flags >= 0 && fcntl(source, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : errno;
}

static struct ring *open_ring(napi_env env, int file, int source, napi_value listener) {
  struct ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  ring->file = ring->watch.descriptor = -1;
  ring->watch.events = EPOLLIN;
  int reason = map_ring(ring, file);
  if (reason == 0 && source >= 0) reason = take_source(ring, source);
  if (reason != 0) throw_errno(env, reason, "openRing", NULL);
  else if (add_watch(env, &ring->watch, listener)) return ring;
  drop_handle(env, ring, NULL);
  return NULL;
}

/**
 * Maps a ring and reads its source into it from now on: (descriptor, source | undefined, listener) gives a
 * handle. The listener is called when there are more bytes, or no more to come.
 */
napi_value call_open_ring(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int file, source = -1;
  if (!read_descriptor(env, argv[0], "descriptor", &file)) return NULL;
  if (!is_absent(env, argv[1]) && !read_descriptor(env, argv[1], "source", &source)) return NULL;
  struct ring *ring = open_ring(env, file, source, argv[2]);
  if (ring == NULL) return NULL;
  lock_pump();
  start_reading(ring);
  if (has_free_pages(ring)) wake_pump();
  unlock_pump();
  settle_watch(env, &ring->watch);
  napi_value handle = NULL;
  if (napi_create_external(env, ring, drop_handle, NULL, &handle) != napi_ok) drop_handle(env, ring, NULL);
  return handle;
}

static struct ring *read_ring(napi_env env, napi_value handle) {
  void *data;
  if (napi_get_value_external(env, handle, &data) != napi_ok) {
    throw_type_error(env, "handle", "what openRing returned");
    return NULL;
  }
  struct ring *ring = data;
  if (ring->header != NULL) return ring;
  throw_errno(env, EBADF, "ring", NULL);
  return NULL;
}

#define RING_AND_OFFSET(count)                                                                 \
  ARGUMENTS(count);                                                                            \
  int64_t offset;                                                                              \
  struct ring *ring = read_ring(env, argv[0]);                                                 \
  if (ring == NULL || !read_integer(env, argv[1], "offset", 0, LARGEST_OFFSET, &offset)) return NULL

/** Where a ring is: (handle) gives {start, end, hasEnded, error | undefined}. */
napi_value call_ring_state(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct ring *ring = read_ring(env, argv[0]);
  if (ring == NULL) return NULL;
  napi_value object, has_ended;
  /* First, because no byte comes behind it. */
  bool is_over = ring->header->has_ended != 0;
  napi_create_object(env, &object);
  napi_get_boolean(env, is_over, &has_ended);
  napi_set_named_property(env, object, "hasEnded", has_ended);
  napi_set_named_property(env, object, "start", to_number(env, (int64_t)ring->header->start));
  napi_set_named_property(env, object, "end", to_number(env, (int64_t)ring->header->head));
  if (is_over && ring->header->error != 0) {
    napi_set_named_property(env, object, "error", make_error(env, ring->header->error, "read", NULL));
  }
  return object;
}

/** A copy of bytes that are kept: (handle, offset, maxBytes) gives a Buffer, undefined when there are none. */
napi_value call_read_ring(napi_env env, napi_callback_info info) {
  RING_AND_OFFSET(3);
  int64_t most;
  if (!read_integer(env, argv[2], "maxBytes", 1, LARGEST_OFFSET, &most)) return NULL;
  uint64_t from = (uint64_t)offset, end = ring->header->head;
  if (from < ring->header->start || from >= end) return NULL;
  uint64_t length = end - from < (uint64_t)most ? end - from : (uint64_t)most;
  napi_value buffer = NULL;
  napi_create_buffer_copy(env, length, ring->data + from % ring->capacity, NULL, &buffer);
  return buffer;
}

/** Lets the bytes before an offset be overwritten: (handle, offset). */
napi_value call_release_ring(napi_env env, napi_callback_info info) {
  RING_AND_OFFSET(2);
  uint64_t to = (uint64_t)offset, end = ring->header->head;
  if (to > end) to = end;
  if (to <= ring->header->start) return NULL;
  ring->header->start = to;
  if (ring->is_stalled || (!is_trim_planned() && to / PAGE * PAGE > ring->trimmed)) wake_pump();
  return NULL;
}

/** Reads no further than an offset from the source: (handle, offset). */
napi_value call_limit_ring(napi_env env, napi_callback_info info) {
  RING_AND_OFFSET(2);
  ring->header->limit = (uint64_t)offset;
  if (ring->is_stalled) wake_pump();
  return NULL;
}

/** Reads what the source has at this moment, without waiting for the pump: (handle). */
napi_value call_catch_up_ring(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct ring *ring = read_ring(env, argv[0]);
  if (ring == NULL) return NULL;
  lock_pump();
  catch_up(ring);
  unlock_pump();
  return NULL;
}

/** Reads no more from the source, as if it had ended: (handle). */
napi_value call_end_ring(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct ring *ring = read_ring(env, argv[0]);
  if (ring == NULL) return NULL;
  lock_pump();
  end_reading(ring, 0);
  unlock_pump();
  return NULL;
}

/** Forgets a ring here; its file stays: (handle). Again is fine. */
napi_value call_close_ring(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  void *data;
  if (napi_get_value_external(env, argv[0], &data) != napi_ok) {
    return throw_type_error(env, "handle", "what openRing returned");
  }
  close_ring(env, data);
  return NULL;
}
