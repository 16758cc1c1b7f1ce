#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static const struct {
  const char *name;
  int command;
} ACTIONS[] = {
    {"power-off", RB_POWER_OFF},
    {"restart", RB_AUTOBOOT},
    {"halt", RB_HALT_SYSTEM},
};

/** sync(2). */
napi_value call_sync(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  sync();
  return NULL;
}

/** reboot(2): ("power-off" | "restart" | "halt"). */
napi_value call_reboot(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  char *action = read_string(env, argv[0], "action");
  if (action == NULL) return NULL;
  bool known = false;
  for (size_t i = 0; i < sizeof ACTIONS / sizeof ACTIONS[0] && !known; i++) {
    if (strcmp(action, ACTIONS[i].name) != 0) continue;
    known = true;
    if (reboot(ACTIONS[i].command) != 0) throw_errno(env, errno, "reboot", action);
  }
  if (!known) throw_type_error(env, "action", "power-off, restart or halt");
  free(action);
  return NULL;
}
