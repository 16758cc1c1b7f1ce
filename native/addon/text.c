/* Text that is not copied into JavaScript's memory. */
#include "arguments.h"
#include "calls.h"

#include <errno.h>

/**
 * A string over the bytes of an ArrayBuffer, as Latin-1: (buffer). For memory that stays as it is for as long as the
 * process lives, as a part of its executable does: pages of a file, which the kernel can take back.
 */
napi_value call_external_text(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  bool is_buffer = false;
  napi_is_arraybuffer(env, argv[0], &is_buffer);
  if (!is_buffer) return throw_type_error(env, "buffer", "an ArrayBuffer");
  void *bytes;
  size_t length;
  napi_ref reference;
  napi_value text;
  bool is_copied;
  napi_get_arraybuffer_info(env, argv[0], &bytes, &length);
  /* Never let go: the string may live for ever. */
  if (napi_create_reference(env, argv[0], 1, &reference) != napi_ok ||
      node_api_create_external_string_latin1(env, bytes, length, NULL, NULL, &text, &is_copied) != napi_ok) {
    return throw_errno(env, ENOMEM, "node_api_create_external_string_latin1", NULL);
  }
  return text;
}
