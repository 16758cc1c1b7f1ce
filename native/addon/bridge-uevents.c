/*
 * The kernel's messages to groups of netlink: about devices (lib/kobject_uevent.c; at most 2 KiB and a header each), links,
 * addresses and what routers advertise. One datagram each.
 */
#include "bridge.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

enum uevents_result { UEVENTS_STOPPED, UEVENTS_FAILED };

/* Passes on what waits in the socket; false with errno when there is nothing more. */
static bool pass_on(struct bridge *bridge) {
  struct sockaddr_nl sender = {0};
  socklen_t size = sizeof sender;
  uint8_t *data = bridge->to_socket.data;
  ssize_t length = recvfrom(bridge->device, data, FLOW_CAPACITY, 0, (struct sockaddr *)&sender, &size);
  if (length >= 0) {
    /* A privileged process may send to the group as well. */
    if (sender.nl_pid == 0) announce_message(bridge, data, (size_t)length);
    return true;
  }
  /* The socket's queue was full, netlink(7): the listener has to look for itself. */
  if (errno == ENOBUFS) {
    announce_message(bridge, data, 0);
    return true;
  }
  return errno == EINTR;
}

static enum uevents_result pass_on_until_end(struct bridge *bridge) {
  for (;;) {
    struct pollfd set[] = {
        {.fd = bridge->stop, .events = POLLIN},
        {.fd = bridge->device, .events = POLLIN},
    };
    if (poll(set, 2, -1) < 0 && errno != EINTR) return UEVENTS_FAILED;
    if (set[0].revents != 0) return UEVENTS_STOPPED;
    if (set[1].revents == 0) continue;
    while (pass_on(bridge)) continue;
    if (errno != EAGAIN) return UEVENTS_FAILED;
  }
}

void *run_uevents(void *argument) {
  struct bridge *bridge = argument;
  if (pass_on_until_end(bridge) == UEVENTS_FAILED) announce_failure(bridge, errno, "recvfrom");
  if (!bridge->events_gone) napi_release_threadsafe_function(bridge->events, napi_tsfn_release);
  return NULL;
}
