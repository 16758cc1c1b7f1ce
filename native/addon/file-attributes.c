#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

/* "/proc/self/fd/" and the longest int. */
#define DESCRIPTOR_PATH_SIZE 32

/*
 * The f*xattr calls refuse O_PATH descriptors, which are the only ones that a symbolic link, a device or a FIFO
 * can have without being followed or opened. The descriptor's own entry in /proc leads to just that object.
 */
static void name_descriptor(char path[DESCRIPTOR_PATH_SIZE], int descriptor) {
  snprintf(path, DESCRIPTOR_PATH_SIZE, "/proc/self/fd/%d", descriptor);
}

static napi_value copy_out(napi_env env, const void *data, size_t length) {
  napi_value result = NULL;
  napi_create_buffer_copy(env, length, data, NULL, &result);
  return result;
}

/** listxattr(2) of what a descriptor names: (descriptor) gives the names, each with its NUL. */
napi_value call_list_attributes(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int descriptor;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  char path[DESCRIPTOR_PATH_SIZE];
  name_descriptor(path, descriptor);
  char *names = malloc(XATTR_LIST_MAX);
  if (names == NULL) return throw_errno(env, ENOMEM, "malloc", NULL);
  ssize_t length = listxattr(path, names, XATTR_LIST_MAX);
  napi_value result = NULL;
  if (length < 0) throw_errno(env, errno, "listxattr", NULL);
  else result = copy_out(env, names, (size_t)length);
  free(names);
  return result;
}

/** getxattr(2) of what a descriptor names: (descriptor, name). */
napi_value call_get_attribute(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int descriptor;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  char *name = read_bytes(env, argv[1], "name");
  if (name == NULL) return NULL;
  char path[DESCRIPTOR_PATH_SIZE];
  name_descriptor(path, descriptor);
  napi_value result = NULL;
  void *value = malloc(XATTR_SIZE_MAX);
  ssize_t length = value == NULL ? -1 : getxattr(path, name, value, XATTR_SIZE_MAX);
  if (length < 0) throw_errno(env, errno, "getxattr", name);
  else result = copy_out(env, value, (size_t)length);
  free(value);
  free(name);
  return result;
}

/** setxattr(2) of what a descriptor names: (descriptor, name, value). */
napi_value call_set_attribute(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  int descriptor;
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *value = NULL;
  if (!read_descriptor(env, argv[0], "descriptor", &descriptor)) return NULL;
  napi_is_typedarray(env, argv[2], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[2], &type, &length, &value, NULL, NULL);
  if (type != napi_uint8_array) return throw_type_error(env, "value", "a Uint8Array");
  char *name = read_bytes(env, argv[1], "name");
  if (name == NULL) return NULL;
  char path[DESCRIPTOR_PATH_SIZE];
  name_descriptor(path, descriptor);
  if (setxattr(path, name, value, length, 0) != 0) throw_errno(env, errno, "setxattr", name);
  free(name);
  return NULL;
}
