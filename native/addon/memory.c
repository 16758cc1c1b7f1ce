/* Memory that was used at the start and is not needed any more. */
#include "calls.h"

#include <malloc.h>

/* More than V8 lets others hold beyond its heap before it collects at once (its hard limit is 64 MiB). */
#define PRESSURE (INT64_C(1) << 30)

/**
 * Gives back what memory can be given back: JavaScript's garbage is collected, its heap made as small as it can be,
 * and free pages of malloc(3) returned to the kernel. Takes some 10 ms, natively. ()
 */
napi_value call_release_memory(napi_env env, napi_callback_info info) {
  (void)info;
  int64_t held;
  /* Node-API has no call for a collection; V8 makes one at once when others seem to hold too much. */
  napi_adjust_external_memory(env, PRESSURE, &held);
  napi_adjust_external_memory(env, -PRESSURE, &held);
  malloc_trim(0);
  return NULL;
}
