#include "arguments.h"

#include <stdio.h>
#include <string.h>

static void set_string(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok) {
    napi_set_named_property(env, object, name, value);
  }
}

napi_value throw_type_error(napi_env env, const char *name, const char *expectation) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return NULL;
  char message[256];
  snprintf(message, sizeof message, "%s must be %s", name, expectation);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return NULL;
}

napi_value make_error(napi_env env, int number, const char *syscall, const char *path) {
  const char *code = strerrorname_np(number);
  const char *reason = strerrordesc_np(number);
  if (code == NULL) code = "EUNKNOWN";
  if (reason == NULL) reason = "unknown error";

  char text[256];
  snprintf(text, sizeof text, "%s: %s (%s)", syscall, reason, code);
  napi_value message, error;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  if (napi_create_error(env, NULL, message, &error) != napi_ok) return NULL;
  set_string(env, error, "code", code);
  set_string(env, error, "reason", reason);
  set_string(env, error, "syscall", syscall);
  napi_set_named_property(env, error, "errno", to_number(env, -number));
  if (path != NULL) set_string(env, error, "path", path);
  return error;
}

napi_value throw_errno(napi_env env, int number, const char *syscall, const char *path) {
  napi_value error = make_error(env, number, syscall, path);
  if (error != NULL) napi_throw(env, error);
  return NULL;
}
