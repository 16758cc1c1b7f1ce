/*
 * netlink(7): a buffer of requests out, all answers back. The kernel works through the requests of one message while it
 * is sent, so every answer waits in the socket when sendto(2) returns; what a dump does not put there at once, it adds
 * while it is read (net/netlink/af_netlink.c, netlink_dump). Nothing is waited for.
 */
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An acknowledgement without the request is 36 bytes; kept in the kernel as some 800. */
#define RECEIVE_BUFFER_BYTES (8 << 20)
/* More than the kernel puts into one message (NLMSG_GOODSIZE, and 32 KiB for dumps). */
#define LARGEST_MESSAGE (64u << 10)
/* Far above what a VM's few interfaces, routes and rules are. */
#define MOST_ANSWER_BYTES (16u << 20)
#define MOST_REQUEST_BYTES (1u << 20)

struct answers {
  char *bytes;
  size_t length;
};

static int open_netlink(int protocol) {
  int one = 1, size = RECEIVE_BUFFER_BYTES;
  int socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (socket_fd < 0) return -1;
  /* Both help and neither is needed: acknowledgements without the request, errors with an explanation. */
  setsockopt(socket_fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  setsockopt(socket_fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  /* As root of the machine; a test that is not gets what the system allows. */
  if (setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return socket_fd;
}

static int send_all(int socket_fd, const void *requests, size_t length) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int size = (int)length * 2;
  setsockopt(socket_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  ssize_t sent = sendto(socket_fd, requests, length, 0, (struct sockaddr *)&kernel, sizeof kernel);
  if (sent < 0) return errno;
  return (size_t)sent == length ? 0 : EMSGSIZE;
}

/* Until nothing waits any more. */
static int receive_all(int socket_fd, struct answers *answers) {
  for (;;) {
    if (answers->length + LARGEST_MESSAGE > MOST_ANSWER_BYTES) return EMSGSIZE;
    char *larger = realloc(answers->bytes, answers->length + LARGEST_MESSAGE);
    if (larger == NULL) return ENOMEM;
    answers->bytes = larger;
    ssize_t length = recv(socket_fd, larger + answers->length, LARGEST_MESSAGE, MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno == EAGAIN ? 0 : errno;
    if ((size_t)length > LARGEST_MESSAGE) return EMSGSIZE;
    answers->length += (size_t)length;
  }
}

static napi_value request(napi_env env, int protocol, const void *requests, size_t length) {
  int socket_fd = open_netlink(protocol);
  if (socket_fd < 0) return throw_errno(env, errno, "socket AF_NETLINK", NULL);
  struct answers answers = {0};
  const char *step = "sendto AF_NETLINK";
  int reason = send_all(socket_fd, requests, length);
  if (reason == 0) {
    step = "recv AF_NETLINK";
    reason = receive_all(socket_fd, &answers);
  }
  close(socket_fd);
  napi_value result = NULL;
  if (reason != 0) throw_errno(env, reason, step, NULL);
  else napi_create_buffer_copy(env, answers.length, answers.bytes, NULL, &result);
  free(answers.bytes);
  return result;
}

/** Sends requests to a netlink family and gives every answer: (protocol, requests). */
napi_value call_netlink(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int64_t protocol;
  if (!read_integer(env, argv[0], "protocol", 0, 31, &protocol)) return NULL;
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *requests = NULL;
  napi_is_typedarray(env, argv[1], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[1], &type, &length, &requests, NULL, NULL);
  if (type != napi_uint8_array || length == 0 || length > MOST_REQUEST_BYTES)
    return throw_type_error(env, "requests", "a Uint8Array of 1 byte to 1 MiB");
  return request(env, (int)protocol, requests, length);
}
