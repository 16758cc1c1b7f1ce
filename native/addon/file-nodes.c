#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NANOSECONDS 1000000000LL
/* Offsets that a JavaScript number holds exactly. */
#define GREATEST_OFFSET ((1LL << 53) - 1)

/** mknodat(2): (directory, name, mode, major, minor). */
napi_value call_make_node(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  int directory;
  int64_t mode, major_number, minor_number;
  if (!read_descriptor(env, argv[0], "directory", &directory) ||
      !read_integer(env, argv[2], "mode", 0, S_IFMT | 07777, &mode) ||
      !read_integer(env, argv[3], "major", 0, UINT32_MAX, &major_number) ||
      !read_integer(env, argv[4], "minor", 0, UINT32_MAX, &minor_number)) {
    return NULL;
  }
  char *name = read_bytes(env, argv[1], "name");
  if (name == NULL) return NULL;
  dev_t device = makedev((unsigned)major_number, (unsigned)minor_number);
  if (mknodat(directory, name, (mode_t)mode, device) != 0) throw_errno(env, errno, "mknodat", name);
  free(name);
  return NULL;
}

/* Nanoseconds since 1970 as a BigInt, before 1970 too; absent leaves the time as it is. */
static bool read_time(napi_env env, napi_value value, const char *name, struct timespec *time) {
  *time = (struct timespec){.tv_nsec = UTIME_OMIT};
  if (is_absent(env, value)) return true;
  int64_t nanoseconds;
  bool is_exact = false;
  if (napi_get_value_bigint_int64(env, value, &nanoseconds, &is_exact) != napi_ok || !is_exact) {
    throw_type_error(env, name, "a BigInt of nanoseconds");
    return false;
  }
  int64_t rest = nanoseconds % NANOSECONDS;
  if (rest < 0) rest += NANOSECONDS;
  time->tv_sec = (nanoseconds - rest) / NANOSECONDS;
  time->tv_nsec = rest;
  return true;
}

/** utimensat(2) with AT_EMPTY_PATH, for O_PATH descriptors too: (descriptor, access time, modification time). */
napi_value call_set_times(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int descriptor;
  struct timespec times[2];
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor) ||
      !read_time(env, argv[1], "accessed", &times[0]) || !read_time(env, argv[2], "modified", &times[1])) {
    return NULL;
  }
  if (utimensat(descriptor, "", times, AT_EMPTY_PATH) != 0) throw_errno(env, errno, "utimensat", NULL);
  return NULL;
}

static napi_value seek(napi_env env, napi_callback_info info, int whence) {
  ARGUMENTS(2);
  int descriptor;
  int64_t offset;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor) ||
      !read_integer(env, argv[1], "offset", 0, GREATEST_OFFSET, &offset)) {
    return NULL;
  }
  off_t found = lseek(descriptor, offset, whence);
  if (found >= 0) return to_number(env, found);
  /* Nothing of the kind at or behind the offset; not an error to whoever draws a map. */
  if (errno == ENXIO) return NULL;
  return throw_errno(env, errno, "lseek", NULL);
}

/** lseek(2) SEEK_DATA: (descriptor, offset) gives an offset, or undefined when only a hole follows. */
napi_value call_seek_data(napi_env env, napi_callback_info info) {
  return seek(env, info, SEEK_DATA);
}

/** lseek(2) SEEK_HOLE: (descriptor, offset) gives an offset, or undefined behind the end. */
napi_value call_seek_hole(napi_env env, napi_callback_info info) {
  return seek(env, info, SEEK_HOLE);
}
