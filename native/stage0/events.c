#include "stage0.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's own multicast group; udev's is 2. */
#define KERNEL_EVENTS 1

/* Hundreds of events of a few hundred bytes come with the drivers, before anyone reads. */
#define EVENT_BUFFER_BYTES (1 << 20)

int open_events(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS};
  int size = EVENT_BUFFER_BYTES;
  int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (events < 0 || bind(events, (struct sockaddr *)&address, sizeof address) != 0) {
    fail("kernel events: %s", strerror(errno));
  }
  setsockopt(events, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return events;
}

/*
 * What an event says does not matter: the caller looks at every device again. So an overflow (ENOBUFS) is
 * an event like any other.
 */
void wait_for_events(int events, int timeout_ms) {
  struct pollfd set = {.fd = events, .events = POLLIN};
  char event[8192];
  poll(&set, 1, timeout_ms);
  while (recv(events, event, sizeof event, 0) >= 0 || errno == ENOBUFS) continue;
}
