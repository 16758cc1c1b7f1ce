/*
 * What every file of the addon shares: reading arguments with a TypeError that names the bad one,
 * and turning errno into an Error. A helper that returns false or NULL has left an exception pending.
 */
#ifndef TETHER_ARGUMENTS_H
#define TETHER_ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No argument may be longer: the kernel has lower limits for each and says so with its own errno. */
#define LONGEST_STRING (16u << 20)
/* Arguments, environment entries, mount steps. The kernel refuses far fewer (E2BIG). */
#define LONGEST_LIST (1u << 20)

/* One argument list: the values and how many a call must have. */
#define ARGUMENTS(count)                                   \
  napi_value argv[count];                                  \
  if (!read_arguments(env, info, count, argv)) return NULL

/** Fetches exactly `count` arguments; missing ones are undefined. */
bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv);

/** A whole number from `least` to `most`. */
bool read_integer(napi_env env, napi_value value, const char *name, int64_t least, int64_t most,
                  int64_t *result);

/** A file descriptor: 0 or above. */
bool read_descriptor(napi_env env, napi_value value, const char *name, int *result);

/** A string as UTF-8, without NUL inside; the caller frees it. */
char *read_string(napi_env env, napi_value value, const char *name);

/** As read_string, or a Uint8Array of any bytes but NUL. */
char *read_bytes(napi_env env, napi_value value, const char *name);

/** As read_string; null and undefined give NULL with true. */
bool read_optional_string(napi_env env, napi_value value, const char *name, char **result);

/** An array of strings or Uint8Arrays as a NULL-terminated vector, for free_vector. */
char **read_vector(napi_env env, napi_value value, const char *name);

/** Frees what read_vector returned; NULL is fine. */
void free_vector(char **vector);

/** A property that must exist. */
bool read_property(napi_env env, napi_value object, const char *name, napi_value *result);

/** True when the value is undefined or null. */
bool is_absent(napi_env env, napi_value value);

/** Throws a TypeError `NAME must be EXPECTATION`; returns NULL for convenience. */
napi_value throw_type_error(napi_env env, const char *name, const char *expectation);

/** Makes an Error with code, errno (negative), syscall, reason and, when given, path. */
napi_value make_error(napi_env env, int number, const char *syscall, const char *path);

/** Throws what make_error makes; returns NULL for convenience. */
napi_value throw_errno(napi_env env, int number, const char *syscall, const char *path);

/** An int32 as a JavaScript number. */
napi_value to_number(napi_env env, int64_t number);

#endif
