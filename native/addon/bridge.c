/* JavaScript's side of a bridge: opening, events, closing. */
#include "bridge.h"
#include "calls.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* JavaScript that does not come round holds the thread up; the kernel's own queues bound the rest. */
#define MOST_WAITING_EVENTS 64

/* The group in which the kernel itself speaks (udev's own messages are in 2). */
#define KERNEL_UEVENTS 1

/* One call of the listener: a connection, a message or a failure. */
struct event {
  int socket;    /* -1 for the others */
  char *message; /* NULL for the others; not terminated */
  size_t length;
  int number;
  const char *syscall;
};

static void drop(const struct event *event) {
  free(event->message);
  if (event->socket >= 0) close(event->socket);
}

static void post(struct bridge *bridge, struct event event) {
  struct event *copy = malloc(sizeof *copy);
  if (copy != NULL && !bridge->events_gone) {
    *copy = event;
    napi_status status = napi_call_threadsafe_function(bridge->events, copy, napi_tsfn_blocking);
    if (status == napi_ok) return;
    if (status == napi_closing) bridge->events_gone = true;
  }
  free(copy);
  drop(&event);
}

void announce_connection(struct bridge *bridge, int socket) {
  post(bridge, (struct event){.socket = socket});
}

void announce_failure(struct bridge *bridge, int number, const char *syscall) {
  post(bridge, (struct event){.socket = -1, .number = number, .syscall = syscall});
}

void announce_message(struct bridge *bridge, const uint8_t *data, size_t length) {
  struct event event = {.socket = -1, .message = malloc(length + 1), .length = length};
  if (event.message == NULL) return;
  memcpy(event.message, data, length);
  post(bridge, event);
}

/* Main thread: calls listener(socket | message | undefined, error | undefined). */
static void deliver(napi_env env, napi_value listener, void *context, void *data) {
  struct bridge *bridge = context;
  struct event *event = data;
  if (env == NULL) {
    drop(event);
  } else {
    napi_value undefined;
    napi_get_undefined(env, &undefined);
    napi_value values[] = {undefined, undefined};
    if (event->socket >= 0) values[0] = to_number(env, event->socket);
    else if (event->message != NULL) napi_create_string_latin1(env, event->message, event->length, &values[0]);
    else values[1] = make_error(env, event->number, event->syscall, bridge->path);
    napi_call_function(env, undefined, listener, 2, values, NULL);
    free(event->message);
  }
  free(event);
}

static void release(struct bridge *bridge) {
  if (--bridge->references > 0) return;
  free(bridge->path);
  free(bridge);
}

static void close_descriptors(struct bridge *bridge) {
  if (bridge->device >= 0) close(bridge->device);
  if (bridge->stop >= 0) close(bridge->stop);
  if (bridge->signals >= 0) close(bridge->signals);
  bridge->device = bridge->stop = bridge->signals = -1;
}

static void ask_to_stop(const struct bridge *bridge) {
  /* An eventfd of ours takes the first increment always, and one is enough. */
  (void)!eventfd_write(bridge->stop, 1);
}

/* Main thread, after the thread has released its events, or when the environment is torn down. */
static void finish(napi_env env, void *data, void *hint) {
  (void)hint;
  struct bridge *bridge = data;
  if (bridge->has_thread) {
    ask_to_stop(bridge);
    pthread_join(bridge->thread, NULL);
  }
  bridge->finished = true;
  close_descriptors(bridge);
  if (bridge->closing != NULL) {
    napi_value undefined;
    napi_get_undefined(env, &undefined);
    napi_resolve_deferred(env, bridge->closing, undefined);
    bridge->closing = NULL;
  }
  release(bridge);
}

static void drop_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  release(data);
}

/* Raw, 8 bits, and without modem control, so that an unplugged cable does not hang the line up. */
static bool prepare_terminal(int device) {
  struct termios mode;
  if (tcgetattr(device, &mode) != 0) return false;
  cfmakeraw(&mode);
  mode.c_cflag |= CLOCAL | CREAD;
  mode.c_cflag &= ~(tcflag_t)HUPCL;
  return tcsetattr(device, TCSANOW, &mode) == 0;
}

static bool open_stop(struct bridge *bridge, const char **syscall) {
  *syscall = "eventfd";
  bridge->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return bridge->stop >= 0;
}

static bool open_device(struct bridge *bridge, const char **syscall) {
  *syscall = "open";
  bridge->device = open(bridge->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (bridge->device < 0) return false;
  bridge->is_terminal = isatty(bridge->device) == 1;
  *syscall = "tcsetattr";
  if (bridge->is_terminal && !prepare_terminal(bridge->device)) return false;
  return open_stop(bridge, syscall);
}

static bool start(napi_env env, struct bridge *bridge, napi_value listener) {
  const char *syscall;
  if (!bridge->open(bridge, &syscall)) {
    throw_errno(env, errno, syscall, bridge->path);
    return false;
  }
  napi_value name;
  napi_create_string_utf8(env, "tether bridge", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, listener, NULL, name, MOST_WAITING_EVENTS, 1, bridge, finish, bridge, deliver,
                                      &bridge->events) != napi_ok) {
    throw_type_error(env, "listener", "a function");
    return false;
  }
  bridge->references++; /* for finish, which runs whatever happens from here on */
  int reason = create_thread(&bridge->thread, bridge->run, bridge);
  bridge->has_thread = reason == 0;
  if (reason == 0) return true;
  napi_release_threadsafe_function(bridge->events, napi_tsfn_abort);
  throw_errno(env, reason, "pthread_create", bridge->path);
  return false;
}

/* What a bridge is to do; see struct bridge. */
struct kind {
  bool (*open)(struct bridge *, const char **);
  void *(*run)(void *);
  bool is_interrupted;
};

/* Takes `path`. */
static napi_value make_bridge(napi_env env, char *path, struct kind kind, napi_value listener) {
  struct bridge *bridge = calloc(1, sizeof *bridge);
  if (bridge == NULL) {
    free(path);
    return throw_errno(env, ENOMEM, "malloc", NULL);
  }
  bridge->device = bridge->stop = bridge->signals = -1;
  bridge->references = 1;
  bridge->path = path;
  bridge->open = kind.open;
  bridge->run = kind.run;
  bridge->is_interrupted = kind.is_interrupted;

  napi_value handle = NULL;
  if (start(env, bridge, listener)) {
    napi_create_external(env, bridge, drop_handle, NULL, &handle);
    return handle;
  }
  close_descriptors(bridge);
  release(bridge);
  return NULL;
}

/**
 * Opens a character device and bridges it: (path, listener, isInterrupted) gives a handle for closeBridge. The
 * listener is called with (socket, undefined) for each connection and with (undefined, error) when it fails.
 */
napi_value call_bridge_device(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  napi_valuetype type;
  napi_typeof(env, argv[1], &type);
  if (type != napi_function) return throw_type_error(env, "listener", "a function");
  bool is_interrupted;
  if (napi_get_value_bool(env, argv[2], &is_interrupted) != napi_ok) {
    return throw_type_error(env, "isInterrupted", "a boolean");
  }
  char *path = read_string(env, argv[0], "path");
  if (path == NULL) return NULL;
  struct kind kind = {.open = open_device, .run = run_bridge, .is_interrupted = is_interrupted};
  return make_bridge(env, path, kind, argv[1]);
}

static bool open_netlink(struct bridge *bridge, int protocol, uint32_t groups, const char **syscall) {
  *syscall = "socket";
  bridge->device = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (bridge->device < 0) return false;
  *syscall = "bind";
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
  if (bind(bridge->device, (struct sockaddr *)&address, sizeof address) != 0) return false;
  return open_stop(bridge, syscall);
}

static bool open_uevents(struct bridge *bridge, const char **syscall) {
  return open_netlink(bridge, NETLINK_KOBJECT_UEVENT, KERNEL_UEVENTS, syscall);
}

static bool open_network(struct bridge *bridge, const char **syscall) {
  const uint32_t options_of_routers = 1U << (RTNLGRP_ND_USEROPT - 1);
  return open_netlink(bridge, NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV6_IFADDR | options_of_routers, syscall);
}

/**
 * Listens to the kernel's uevents from now on: (listener) gives a handle for closeBridge. The listener is
 * called with (message, undefined) for each, "" when some were lost, and with (undefined, error) when it fails.
 */
napi_value call_watch_uevents(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  napi_valuetype type;
  napi_typeof(env, argv[0], &type);
  if (type != napi_function) return throw_type_error(env, "listener", "a function");
  return make_bridge(env, NULL, (struct kind){.open = open_uevents, .run = run_uevents}, argv[0]);
}

/** As watchUevents, for links, IPv6 addresses and what routers advertise: a datagram of rtnetlink(7) each. */
napi_value call_watch_network(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  napi_valuetype type;
  napi_typeof(env, argv[0], &type);
  if (type != napi_function) return throw_type_error(env, "listener", "a function");
  return make_bridge(env, NULL, (struct kind){.open = open_network, .run = run_uevents}, argv[0]);
}

/** Stops a bridge: (handle) gives a promise that resolves when its thread has ended. Once per handle. */
napi_value call_close_bridge(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  void *data;
  if (napi_get_value_external(env, argv[0], &data) != napi_ok) {
    return throw_type_error(env, "handle", "what bridgeDevice returned");
  }
  struct bridge *bridge = data;
  if (bridge->closing != NULL) return throw_type_error(env, "handle", "closed only once");
  napi_value promise, undefined;
  napi_deferred deferred;
  napi_create_promise(env, &deferred, &promise);
  if (bridge->finished) {
    napi_get_undefined(env, &undefined);
    napi_resolve_deferred(env, deferred, undefined);
  } else {
    bridge->closing = deferred;
    ask_to_stop(bridge);
  }
  return promise;
}
