/* mount(2) and umount2(2) in a thread of libuv's pool: a journal, a server or a disk may take its time. */
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* mount(2) copies one page of data and cuts the rest off without an error. */
#define LONGEST_MOUNT_DATA 4095

/* Every string belongs to it. Without `mounts` it is an umount2(2). */
struct call {
  bool mounts;
  char *source, *target, *type, *data;
  unsigned long flags;
  int number;
  napi_deferred deferred;
  napi_async_work work;
};

static void free_call(struct call *call) {
  free(call->source);
  free(call->target);
  free(call->type);
  free(call->data);
  free(call);
}

static void execute(napi_env env, void *data) {
  (void)env;
  struct call *call = data;
  int result = call->mounts ? mount(call->source, call->target, call->type, call->flags, call->data)
                            : umount2(call->target, (int)call->flags);
  if (result != 0) call->number = errno;
}

static void finish(napi_env env, napi_status status, void *data) {
  struct call *call = data;
  if (status == napi_cancelled) call->number = ECANCELED;
  if (call->number == 0) {
    napi_value nothing;
    napi_get_undefined(env, &nothing);
    napi_resolve_deferred(env, call->deferred, nothing);
  } else {
    const char *name = call->mounts ? "mount" : "umount2";
    napi_reject_deferred(env, call->deferred, make_error(env, call->number, name, call->target));
  }
  napi_delete_async_work(env, call->work);
  free_call(call);
}

static napi_value begin(napi_env env, struct call *call) {
  napi_value promise, name;
  napi_create_string_utf8(env, "mount", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &call->deferred, &promise);
  napi_create_async_work(env, NULL, name, execute, finish, call, &call->work);
  napi_queue_async_work(env, call->work);
  return promise;
}

static struct call *make_call(napi_env env) {
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL) throw_errno(env, ENOMEM, "malloc", NULL);
  return call;
}

/** mount(2), aside: (source | null, target, type | null, flags, data | null) gives a promise. */
napi_value call_mount_aside(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  struct call *call = make_call(env);
  int64_t flags;
  if (call == NULL) return NULL;
  call->mounts = true;
  if (read_optional_string(env, argv[0], "source", &call->source) &&
      (call->target = read_string(env, argv[1], "target")) != NULL &&
      read_optional_string(env, argv[2], "type", &call->type) &&
      read_integer(env, argv[3], "flags", 0, UINT32_MAX, &flags) &&
      read_optional_string(env, argv[4], "data", &call->data)) {
    call->flags = (unsigned long)flags;
    if (call->data == NULL || strlen(call->data) <= LONGEST_MOUNT_DATA) return begin(env, call);
    throw_type_error(env, "data", "at most 4095 bytes long");
  }
  free_call(call);
  return NULL;
}

/** umount2(2), aside: (target, flags) gives a promise. */
napi_value call_unmount_aside(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct call *call = make_call(env);
  int64_t flags;
  if (call == NULL) return NULL;
  if ((call->target = read_string(env, argv[0], "target")) != NULL &&
      read_integer(env, argv[1], "flags", 0, INT32_MAX, &flags)) {
    call->flags = (unsigned long)flags;
    return begin(env, call);
  }
  free_call(call);
  return NULL;
}
