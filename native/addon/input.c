/*
 * A process's input with a count of its bytes in a memory file: whoever opens it after a crash knows which
 * byte comes next.
 */
#include "calls.h"
#include "crash.h"
#include "ring-pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x315450495248544fu /* OTHRIPT1 */

struct input_count {
  uint64_t magic;
  _Atomic uint64_t written;
};

struct input {
  struct watch watch; /* the first member: the pump knows only this */
  struct input_count *count;
};

/** A memory file that counts a process's input: () gives its descriptor, close-on-exec. */
napi_value call_make_input(napi_env env, napi_callback_info info) {
  (void)info;
  struct input_count count = {.magic = MAGIC};
  int file = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return throw_errno(env, errno, "memfd_create", NULL);
  if (write(file, &count, sizeof count) != sizeof count ||
      fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw_errno(env, errno, "write", NULL);
    close(file);
    return NULL;
  }
  return to_number(env, file);
}

static void close_input(napi_env env, struct input *input) {
  remove_watch(env, &input->watch);
  if (input->watch.descriptor >= 0) close(input->watch.descriptor);
  if (input->count != NULL) munmap(input->count, sizeof *input->count);
  input->watch.descriptor = -1;
  input->count = NULL;
}

static void drop_handle(napi_env env, void *data, void *hint) {
  (void)hint;
  close_input(env, data);
  free(data);
}

/* There is room again, or nobody reads any more, which the next write tells. */
static void ready(struct watch *watch) {
  wait_for_descriptor(watch, false);
  tell_javascript(watch);
}

static int map_count(struct input *input, int file) {
  struct stat status;
  if (fstat(file, &status) != 0) return errno;
  if (status.st_size != sizeof *input->count) return EINVAL;
  void *count = mmap(NULL, sizeof *input->count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (count == MAP_FAILED) return errno;
  input->count = count;
  return input->count->magic == MAGIC ? 0 : EINVAL;
}

static int take_target(struct input *input, int target) {
  input->watch.descriptor = fcntl(target, F_DUPFD_CLOEXEC, 3);
  if (input->watch.descriptor < 0) return errno;
  int flags = fcntl(target, F_GETFL);
  return flags >= 0 && fcntl(target, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : errno;
}

static napi_value open_input(napi_env env, int file, int target, napi_value listener) {
  struct input *input = calloc(1, sizeof *input);
  if (input == NULL) return throw_errno(env, ENOMEM, "malloc", NULL);
  input->watch = (struct watch){.descriptor = -1, .events = EPOLLOUT, .ready = ready};
  int reason = map_count(input, file);
  if (reason == 0) reason = take_target(input, target);
  napi_value handle;
  if (reason != 0) {
    throw_errno(env, reason, "openInput", NULL);
  } else if (add_watch(env, &input->watch, listener) &&
             napi_create_external(env, input, drop_handle, NULL, &handle) == napi_ok) {
    return handle;
  }
  drop_handle(env, input, NULL);
  return NULL;
}

/**
 * (descriptor, target, listener) gives a handle. The listener is called when the target has room again that
 * a write found full.
 */
napi_value call_open_input(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int file, target;
  if (!read_descriptor(env, argv[0], "descriptor", &file) ||
      !read_descriptor(env, argv[1], "target", &target)) {
    return NULL;
  }
  return open_input(env, file, target, argv[2]);
}

static struct input *read_input(napi_env env, napi_value handle) {
  void *data;
  if (napi_get_value_external(env, handle, &data) != napi_ok) {
    throw_type_error(env, "handle", "what openInput returned");
    return NULL;
  }
  struct input *input = data;
  if (input->count != NULL) return input;
  throw_errno(env, EBADF, "input", NULL);
  return NULL;
}

/** The number of bytes that the target has had: (handle). */
napi_value call_input_written(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct input *input = read_input(env, argv[0]);
  return input == NULL ? NULL : to_number(env, (int64_t)input->count->written);
}

/** @return the number of bytes taken, or -1 with errno. */
static ssize_t write_counted(struct input *input, const void *data, size_t length) {
  enter_section(SECTION_MAIN);
  ssize_t count = write(input->watch.descriptor, data, length);
  int error = errno;
  if (count > 0) input->count->written += (uint64_t)count;
  leave_section(SECTION_MAIN);
  errno = error;
  return count;
}

static bool wait_for_room(struct input *input) {
  lock_pump();
  bool waits = wait_for_descriptor(&input->watch, true);
  unlock_pump();
  return waits;
}

/** write(2) and its count: (handle, bytes) gives the number of bytes taken, fewer when the target is full. */
napi_value call_write_input(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct input *input = read_input(env, argv[0]);
  if (input == NULL) return NULL;
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = NULL;
  napi_is_typedarray(env, argv[1], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[1], &type, &length, &data, NULL, NULL);
  if (type != napi_uint8_array) return throw_type_error(env, "bytes", "a Uint8Array");
  if (length == 0) return to_number(env, 0);

  ssize_t count = write_counted(input, data, length);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return throw_errno(env, errno, "write", NULL);
  if (count < 0) count = 0;
  if ((size_t)count < length && !wait_for_room(input)) return throw_errno(env, errno, "epoll_ctl", NULL);
  return to_number(env, count);
}

/** Forgets an input and closes its own reference to the target; the count's file stays: (handle). Again is fine. */
napi_value call_close_input(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  void *data;
  if (napi_get_value_external(env, argv[0], &data) != napi_ok) {
    return throw_type_error(env, "handle", "what openInput returned");
  }
  close_input(env, data);
  return NULL;
}
