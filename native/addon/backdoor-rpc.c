/* RPCI, the protocol of requests to the hypervisor, on one channel that stays open. */
#include "backdoor.h"
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOL_RPCI 0x49435052u

/* GUESTMSG_MAX_IN_SIZE: the host takes no larger message. */
#define LARGEST_REQUEST (64u * 1024)

/* A request on its way. The first two are of one that is made in a thread of libuv's pool. */
struct call {
  napi_async_work work;
  napi_deferred deferred;
  size_t request_size;
  uint8_t *reply;
  size_t reply_size;
  int number; /* 0 or an errno */
  const char *step;
  uint8_t request[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct backdoor_channel channel;

static enum backdoor_result exchange_once(struct call *call) {
  call->step = "backdoor open";
  enum backdoor_result result = channel.is_open ? BACKDOOR_OK : open_backdoor_channel(&channel, PROTOCOL_RPCI);
  if (result != BACKDOOR_OK) return result;
  call->step = "backdoor send";
  result = send_message(&channel, call->request, call->request_size);
  if (result != BACKDOOR_OK) return result;
  call->step = "backdoor receive";
  return receive_message(&channel, &call->reply, &call->reply_size);
}

static int errno_of(enum backdoor_result result) {
  switch (result) {
    case BACKDOOR_OK:
      return 0;
    case BACKDOOR_LOST:
      return ECONNRESET;
    case BACKDOOR_TOO_LARGE:
      return EMSGSIZE;
    case BACKDOOR_NO_MEMORY:
      return ENOMEM;
    default:
      return EPROTO;
  }
}

/*
 * A channel that was open may have gone with a move of the VM, or because nothing was said for long: then the same
 * request is made on a new one.
 */
static void make_call(struct call *call) {
  pthread_mutex_lock(&lock);
  /* Where everybody may use the ports, as usual, they are usable without. */
  permit_backdoor(true);
  const bool was_open = channel.is_open;
  enum backdoor_result result = exchange_once(call);
  if (result != BACKDOOR_OK) close_backdoor_channel(&channel);
  if (result == BACKDOOR_LOST && was_open) {
    result = exchange_once(call);
    if (result != BACKDOOR_OK) close_backdoor_channel(&channel);
  }
  permit_backdoor(false);
  pthread_mutex_unlock(&lock);
  call->number = errno_of(result);
}

/* The reply; NULL when there is none, for the call's number. */
static napi_value take_reply(napi_env env, struct call *call) {
  napi_value value = NULL;
  void *copy;
  if (call->number == 0 && napi_create_buffer_copy(env, call->reply_size, call->reply, &copy, &value) != napi_ok) {
    call->number = ENOMEM;
  }
  return value;
}

static void make_call_aside(napi_env env, void *data) {
  (void)env;
  make_call(data);
}

static void finish_call(napi_env env, napi_status status, void *data) {
  struct call *call = data;
  if (status == napi_cancelled) call->number = ECANCELED;
  napi_value value = take_reply(env, call);
  if (call->number == 0) napi_resolve_deferred(env, call->deferred, value);
  else napi_reject_deferred(env, call->deferred, make_error(env, call->number, call->step, "the VMware backdoor"));
  napi_delete_async_work(env, call->work);
  free(call->reply);
  free(call);
}

static struct call *read_call(napi_env env, napi_value value) {
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0;
  void *data = NULL;
  napi_is_typedarray(env, value, &is_array);
  if (is_array) napi_get_typedarray_info(env, value, &type, &size, &data, NULL, NULL);
  if (type != napi_uint8_array || size > LARGEST_REQUEST) {
    throw_type_error(env, "request", "a Uint8Array of at most 64 KiB");
    return NULL;
  }
  struct call *call = calloc(1, sizeof *call + size);
  if (call == NULL) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  call->request_size = size;
  call->step = "backdoor";
  if (size > 0) memcpy(call->request, data, size);
  return call;
}

/** One RPC: (request) gives the reply's bytes. Where probeBackdoor has found one; waits as long as the host takes. */
napi_value call_rpci(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct call *call = read_call(env, argv[0]);
  if (call == NULL) return NULL;
  make_call(call);
  napi_value reply = take_reply(env, call);
  if (call->number != 0) throw_errno(env, call->number, call->step, "the VMware backdoor");
  free(call->reply);
  free(call);
  return reply;
}

/** As rpci, in a thread of libuv's pool: (request) gives a promise. */
napi_value call_rpci_aside(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  struct call *call = read_call(env, argv[0]);
  napi_value promise, name;
  if (call == NULL) return NULL;
  napi_create_string_utf8(env, "rpci", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &call->deferred, &promise);
  napi_create_async_work(env, NULL, name, make_call_aside, finish_call, call, &call->work);
  napi_queue_async_work(env, call->work);
  return promise;
}
