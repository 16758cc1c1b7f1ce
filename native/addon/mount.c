#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* mount(2) copies one page of data and cuts the rest off without an error. */
#define LONGEST_MOUNT_DATA 4095

/** mount(2): (source | null, target, type | null, flags, data | null). */
napi_value call_mount(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  char *source = NULL, *target = NULL, *type = NULL, *data = NULL;
  int64_t flags;
  if (read_optional_string(env, argv[0], "source", &source) &&
      (target = read_string(env, argv[1], "target")) != NULL &&
      read_optional_string(env, argv[2], "type", &type) &&
      read_integer(env, argv[3], "flags", 0, UINT32_MAX, &flags) &&
      read_optional_string(env, argv[4], "data", &data)) {
    if (data != NULL && strlen(data) > LONGEST_MOUNT_DATA) {
      throw_type_error(env, "data", "at most 4095 bytes long");
    } else if (mount(source, target, type, (unsigned long)flags, data) != 0) {
      throw_errno(env, errno, "mount", target);
    }
  }
  free(source);
  free(target);
  free(type);
  free(data);
  return NULL;
}

/** umount2(2): (target, flags). */
napi_value call_unmount(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int64_t flags;
  char *target = read_string(env, argv[0], "target");
  if (target == NULL) return NULL;
  if (read_integer(env, argv[1], "flags", 0, INT32_MAX, &flags) && umount2(target, (int)flags) != 0) {
    throw_errno(env, errno, "umount2", target);
  }
  free(target);
  return NULL;
}
