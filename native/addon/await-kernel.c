/* Waiting for what the kernel is in the middle of. */
#include "calls.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * membarrier(2), MEMBARRIER_CMD_GLOBAL, which is a grace period of RCU: what has taken a packet from its device is
 * through with it. A kernel that does not have it (CONFIG_MEMBARRIER, nohz_full) is not waited for. ()
 */
napi_value call_await_kernel(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  return NULL;
}
