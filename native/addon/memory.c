/* Memory that was used at the start and is not needed any more. */
#include "calls.h"

#include <malloc.h>

/** malloc_trim(3): free pages are returned to the kernel. () */
napi_value call_trim_memory(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  malloc_trim(0);
  return NULL;
}
