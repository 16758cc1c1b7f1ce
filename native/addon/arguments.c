#include "arguments.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  size_t given = count;
  return napi_get_cb_info(env, info, &given, argv, NULL, NULL) == napi_ok;
}

bool read_integer(napi_env env, napi_value value, const char *name, int64_t least, int64_t most,
                  int64_t *result) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || number != trunc(number) ||
      number < (double)least || number > (double)most) {
    char expectation[80];
    snprintf(expectation, sizeof expectation, "a whole number from %lld to %lld", (long long)least,
             (long long)most);
    throw_type_error(env, name, expectation);
    return false;
  }
  *result = (int64_t)number;
  return true;
}

bool read_descriptor(napi_env env, napi_value value, const char *name, int *result) {
  int64_t number;
  if (!read_integer(env, value, name, 0, INT32_MAX, &number)) return false;
  *result = (int)number;
  return true;
}

static char *checked_string(napi_env env, char *text, size_t length, const char *name) {
  if (strlen(text) == length) return text;
  free(text);
  throw_type_error(env, name, "without NUL characters");
  return NULL;
}

char *read_string(napi_env env, napi_value value, const char *name) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    throw_type_error(env, name, "a string");
    return NULL;
  }
  if (length > LONGEST_STRING) {
    throw_type_error(env, name, "at most 16 MiB long");
    return NULL;
  }
  char *text = malloc(length + 1);
  if (text == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return checked_string(env, text, length, name);
}

char *read_bytes(napi_env env, napi_value value, const char *name) {
  bool is_array = false;
  napi_is_typedarray(env, value, &is_array);
  if (!is_array) return read_string(env, value, name);

  napi_typedarray_type type;
  size_t length;
  void *data;
  napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL);
  if (type != napi_uint8_array || length > LONGEST_STRING) {
    throw_type_error(env, name, "a string or a Uint8Array of at most 16 MiB");
    return NULL;
  }
  char *text = malloc(length + 1);
  if (text == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  if (length > 0) memcpy(text, data, length);
  text[length] = '\0';
  return checked_string(env, text, length, name);
}

bool read_optional_string(napi_env env, napi_value value, const char *name, char **result) {
  *result = NULL;
  if (is_absent(env, value)) return true;
  *result = read_string(env, value, name);
  return *result != NULL;
}

char **read_vector(napi_env env, napi_value value, const char *name) {
  bool is_array = false;
  uint32_t length = 0;
  napi_is_array(env, value, &is_array);
  if (!is_array || napi_get_array_length(env, value, &length) != napi_ok || length > LONGEST_LIST) {
    throw_type_error(env, name, "an array of strings or Uint8Arrays");
    return NULL;
  }
  char **vector = calloc((size_t)length + 1, sizeof *vector);
  if (vector == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_handle_scope scope;
    napi_value element;
    napi_open_handle_scope(env, &scope);
    if (napi_get_element(env, value, i, &element) == napi_ok) vector[i] = read_bytes(env, element, name);
    napi_close_handle_scope(env, scope);
    if (vector[i] == NULL) {
      free_vector(vector);
      return NULL;
    }
  }
  return vector;
}

void free_vector(char **vector) {
  if (vector == NULL) return;
  for (char **entry = vector; *entry != NULL; entry++) free(*entry);
  free(vector);
}

bool read_property(napi_env env, napi_value object, const char *name, napi_value *result) {
  napi_valuetype type;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object ||
      napi_get_named_property(env, object, name, result) != napi_ok) {
    throw_type_error(env, name, "a property of an object");
    return false;
  }
  return true;
}

bool is_absent(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && (type == napi_undefined || type == napi_null);
}

napi_value to_number(napi_env env, int64_t number) {
  napi_value value = NULL;
  napi_create_int64(env, number, &value);
  return value;
}
