#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static napi_value set_name(napi_env env, napi_callback_info info, const char *syscall,
                           int (*set)(const char *, size_t)) {
  ARGUMENTS(1);
  char *name = read_string(env, argv[0], "name");
  if (name == NULL) return NULL;
  if (set(name, strlen(name)) != 0) throw_errno(env, errno, syscall, name);
  free(name);
  return NULL;
}

/** sethostname(2): (name). */
napi_value call_set_hostname(napi_env env, napi_callback_info info) {
  return set_name(env, info, "sethostname", sethostname);
}

/** setdomainname(2): (name). */
napi_value call_set_domainname(napi_env env, napi_callback_info info) {
  return set_name(env, info, "setdomainname", setdomainname);
}
