/*
 * The life of a bridged device.
 *
 * While the host side of a virtio-serial port is closed, poll returns POLLHUP at once, so no thread can
 * sleep on the port. The driver sends SIGIO when the host side opens (send_sigio_to_port), which is what
 * this thread sleeps on, through a signalfd. The signal goes to this thread alone (F_OWNER_TID) and is
 * blocked in it, so nothing else in the process sees it; as PID 1, too, a blocked signal is kept.
 */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* After a SIGIO the driver may still be about to change its state (it signals an unplug first). */
#define SETTLE_MS 50

enum presence { PRESENT, ABSENT, STOPPED, FAILED };

static bool receive_signals(struct bridge *bridge, const char **syscall) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGIO);
  struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()};
  *syscall = "signalfd";
  bridge->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (bridge->signals < 0) return false;
  *syscall = "fcntl F_SETOWN_EX";
  return fcntl(bridge->device, F_SETOWN_EX, &owner) == 0;
}

static bool set_signalling(const struct bridge *bridge, bool enabled) {
  int flags = fcntl(bridge->device, F_GETFL);
  if (flags < 0) return false;
  flags = enabled ? flags | O_ASYNC : flags & ~O_ASYNC;
  return fcntl(bridge->device, F_SETFL, flags) == 0;
}

static void forget_signals(const struct bridge *bridge) {
  struct signalfd_siginfo signal;
  while (read(bridge->signals, &signal, sizeof signal) > 0) continue;
}

/* Looks whether the far side is there; waits at most `timeout_ms` for it or for the stop. */
static enum presence look(const struct bridge *bridge, int timeout_ms) {
  struct pollfd device = {.fd = bridge->device, .events = POLLIN};
  if (poll(&device, 1, 0) < 0 && errno != EINTR) return FAILED;
  if ((device.revents & (POLLHUP | POLLERR)) == 0) return PRESENT;

  struct pollfd set[] = {
      {.fd = bridge->stop, .events = POLLIN},
      {.fd = bridge->signals, .events = POLLIN},
  };
  if (poll(set, 2, timeout_ms) < 0 && errno != EINTR) return FAILED;
  return set[0].revents != 0 ? STOPPED : ABSENT;
}

/* A port that was unplugged hangs up for ever; read tells it from one whose host side is closed. */
static bool is_unplugged(const struct bridge *bridge) {
  uint8_t nothing;
  return read(bridge->device, &nothing, 0) < 0 && errno == ENODEV;
}

/* Sleeps until the host side is open. Bytes that a host left before closing wait in the port. */
static enum presence wait_for_host(const struct bridge *bridge) {
  if (!set_signalling(bridge, true)) return FAILED;
  enum presence presence;
  do {
    forget_signals(bridge);
    presence = look(bridge, -1);
    if (presence != ABSENT) break;
    forget_signals(bridge);
    presence = look(bridge, SETTLE_MS);
    if (presence == ABSENT && is_unplugged(bridge)) presence = FAILED;
  } while (presence == ABSENT);
  int reason = errno;
  set_signalling(bridge, false);
  errno = reason;
  return presence;
}

static enum copy_result connect_and_copy(struct bridge *bridge, const char **syscall) {
  int ends[2];
  *syscall = "socketpair";
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return COPY_FAILED;
  announce_connection(bridge, ends[1]);
  *syscall = "read";
  return copy_connection(bridge, ends[0]);
}

/* What is said to a peer that left already would be said to the next one. */
static enum copy_result refuse_interrupted(struct bridge *bridge) {
  if (!bridge->is_interrupted) return COPY_DISCONNECTED;
  enum presence presence = bridge->is_terminal ? PRESENT : look(bridge, 0);
  if (presence == FAILED) return COPY_FAILED;
  return presence == PRESENT ? refuse_connection(bridge) : COPY_DISCONNECTED;
}

void *run_bridge(void *data) {
  struct bridge *bridge = data;
  const char *syscall = "poll";
  bool is_signalled = bridge->is_terminal || receive_signals(bridge, &syscall);
  enum copy_result result = is_signalled ? refuse_interrupted(bridge) : COPY_FAILED;

  while (result == COPY_DISCONNECTED || result == COPY_NEW_PEER) {
    bool must_wait = result == COPY_DISCONNECTED && !bridge->is_terminal;
    enum presence presence = must_wait ? wait_for_host(bridge) : PRESENT;
    if (presence == STOPPED) result = COPY_STOPPED;
    else if (presence == FAILED) result = COPY_FAILED;
    else result = connect_and_copy(bridge, &syscall);
  }
  if (result == COPY_FAILED) announce_failure(bridge, errno, syscall);
  if (!bridge->events_gone) napi_release_threadsafe_function(bridge->events, napi_tsfn_release);
  return NULL;
}
