#include "arguments.h"
#include "calls.h"
#include "rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/** pipe2(2) with O_CLOEXEC: () gives [read end, write end]. */
napi_value call_pipe(napi_env env, napi_callback_info info) {
  (void)info;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return throw_errno(env, errno, "pipe2", NULL);
  napi_value result;
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, to_number(env, ends[0]));
  napi_set_element(env, result, 1, to_number(env, ends[1]));
  return result;
}

static bool write_all(int file, const uint8_t *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(file, data, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    length -= (size_t)written;
  }
  return true;
}

/* Sealed, because the content is fixed and a program executed from it must not be rewritten. */
static int make_memory_file(const char *name, const uint8_t *data, size_t length) {
  int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -1;
  if (write_all(file, data, length) && lseek(file, 0, SEEK_SET) == 0 &&
      fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0) {
    return file;
  }
  int reason = errno;
  close(file);
  errno = reason;
  return -1;
}

/** memfd_create(2) with content, sealed and positioned at its start: (name, content). */
napi_value call_memory_file(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = NULL;
  napi_is_typedarray(env, argv[1], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[1], &type, &length, &data, NULL, NULL);
  if (type != napi_uint8_array) return throw_type_error(env, "content", "a Uint8Array");

  char *name = read_string(env, argv[0], "name");
  if (name == NULL) return NULL;
  napi_value result = NULL;
  int file = make_memory_file(name, data, length);
  if (file < 0) throw_errno(env, errno, "memfd_create", name);
  else result = to_number(env, file);
  free(name);
  return result;
}

/** fchown(2): (descriptor, uid, gid). */
napi_value call_change_owner(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int descriptor;
  int64_t uid, gid;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor) ||
      !read_integer(env, argv[1], "uid", 0, UINT32_MAX - 1, &uid) ||
      !read_integer(env, argv[2], "gid", 0, UINT32_MAX - 1, &gid)) {
    return NULL;
  }
  if (fchown(descriptor, (uid_t)uid, (gid_t)gid) != 0) throw_errno(env, errno, "fchown", NULL);
  return NULL;
}

/** fcntl(2) F_SETFL O_NONBLOCK: (descriptor). */
napi_value call_set_non_blocking(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int descriptor;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) {
    throw_errno(env, errno, "fcntl", NULL);
  }
  return NULL;
}

/** openat2(2) with RESOLVE_IN_ROOT: (root, path, flags, mode). */
napi_value call_open_in_root(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int root;
  int64_t flags, mode;
  if (!read_descriptor(env, argv[0], "root", &root) ||
      !read_integer(env, argv[2], "flags", 0, INT32_MAX, &flags) ||
      !read_integer(env, argv[3], "mode", 0, 07777, &mode)) {
    return NULL;
  }
  char *path = read_bytes(env, argv[1], "path");
  if (path == NULL) return NULL;
  napi_value result = NULL;
  int descriptor = open_rooted(root, path, (uint64_t)flags, (uint64_t)mode);
  if (descriptor < 0) throw_errno(env, errno, "openat2", path);
  else result = to_number(env, descriptor);
  free(path);
  return result;
}
