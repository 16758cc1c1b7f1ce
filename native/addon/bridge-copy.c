/*
 * One connection between a character device and a socket.
 *
 * What a virtio-serial port (drivers/char/virtio_console.c) does: poll gives POLLHUP while the host side
 * is closed, and POLLHUP cannot be masked, so a device that has hung up must leave the poll set; read
 * gives what is left and then 0, or EAGAIN when the host has opened the port again in the meantime; one
 * read never returns bytes of two buffers, so a new peer's banner is always at the start of a chunk.
 */
#include "bridge.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Reads and writes per side before poll is asked again, so that neither direction starves the other. */
#define ROUNDS_PER_POLL 16

/*
 * After the far side has gone, its last bytes wait this long for a reader that does not read; a new far
 * side waits behind them.
 */
#define DRAIN_LIMIT_MS 2000

/*
 * For a peer that waits for a banner the second one is a packet of an impossible length (RFC 4253 section 6);
 * for every other one the first is. One in the middle of a packet, whose sender crashed, takes all of it for the
 * rest, up to 35,000 bytes (ssh2's limit), and finds it forged: so the buffer is filled up.
 */
#define REFUSAL BANNER "interrupted\r\n" BANNER "interrupted\r\n"
#define REFUSAL_LENGTH (sizeof REFUSAL - 1)
#define NO_PACKET 0xff

struct connection {
  struct bridge *bridge;
  int socket;            /* -1 once the other end has closed: the device's bytes are dropped */
  bool is_socket_ended;  /* the other end writes no more */
  bool is_peer_gone;     /* the other end has closed altogether; its last bytes still go to the device */
  bool is_device_ended;  /* the device has hung up */
  bool is_drained;       /* and there is nothing more in it */
  bool has_received;     /* this connection's peer has sent something */
  size_t banner_matched; /* bytes of a new peer's banner that the last chunk ended with */
  int64_t drain_until;
};

static bool is_empty(const struct flow *flow) { return flow->start == flow->end; }

enum progress { PROGRESS_MADE, PROGRESS_BLOCKED, PROGRESS_NEW_PEER, PROGRESS_FAILED };

/* What a read or write that returned -1 means for the loop. */
static enum progress progress_of_errno(void) {
  if (errno == EINTR) return PROGRESS_MADE;
  return errno == EAGAIN || errno == EWOULDBLOCK ? PROGRESS_BLOCKED : PROGRESS_FAILED;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How much of the banner has been seen after one more byte; only "SS" can be the start of another. */
static size_t advance(size_t matched, uint8_t byte) {
  if (byte == (uint8_t)BANNER[matched]) return matched + 1;
  if (matched == 2 && byte == 'S') return 2;
  return byte == 'S' ? 1 : 0;
}

/*
 * Looks for a new peer's banner in a chunk. A port delivers it at the start of one; on a serial line
 * chunks mean nothing, so it may be anywhere, also in pieces. What comes before it was for a peer that is
 * gone: the flow then starts with the banner, of which earlier pieces may have been passed on already.
 */
static bool begins_new_peer(struct connection *connection, struct flow *flow) {
  bool is_terminal = connection->bridge->is_terminal;
  /* Once either side of the old connection has gone, even the first banner is not for it. */
  bool is_first = !connection->has_received && !connection->is_device_ended && !connection->is_peer_gone;
  connection->has_received = true;
  if (is_first && !is_terminal) return false;

  size_t matched = connection->banner_matched;
  /* A connection's own banner, at its very start, is none of a new peer. */
  size_t next = is_first ? 1 : 0;
  while (next < flow->end && matched < BANNER_LENGTH) {
    matched = advance(matched, flow->data[next++]);
    if (matched == 0 && !is_terminal) break;
  }
  connection->banner_matched = matched;
  if (matched < BANNER_LENGTH) return false;
  /* Chunks are at most half the buffer (see read_device), so the whole banner fits in front. */
  size_t rest = flow->end - next;
  memmove(flow->data + BANNER_LENGTH, flow->data + next, rest);
  memcpy(flow->data, BANNER, BANNER_LENGTH);
  flow->end = BANNER_LENGTH + rest;
  return true;
}

static void hang_up(struct connection *connection) {
  if (!connection->is_device_ended) connection->drain_until = now_ms() + DRAIN_LIMIT_MS;
  connection->is_device_ended = true;
}

static enum progress end_device(struct connection *connection) {
  /* A terminal that reads 0 has lost its other side for good; a port waits for the next connection. */
  if (connection->bridge->is_terminal) {
    errno = EIO;
    return PROGRESS_FAILED;
  }
  hang_up(connection);
  connection->is_drained = true;
  return PROGRESS_BLOCKED;
}

static enum progress read_device(struct connection *connection) {
  struct flow *flow = &connection->bridge->to_socket;
  /* Half the buffer leaves room for a banner's beginning in front of the chunk. */
  ssize_t length = read(connection->bridge->device, flow->data, FLOW_CAPACITY / 2);
  if (length < 0) {
    enum progress progress = progress_of_errno();
    if (progress == PROGRESS_BLOCKED && connection->is_device_ended) connection->is_drained = true;
    return progress;
  }
  if (length == 0) return end_device(connection);
  flow->start = 0;
  flow->end = (size_t)length;
  if (begins_new_peer(connection, flow)) return PROGRESS_NEW_PEER;
  return PROGRESS_MADE;
}

/* The other end has closed: nothing more can be delivered to it. */
static enum progress lose_peer(struct connection *connection) {
  connection->is_peer_gone = true;
  return PROGRESS_BLOCKED;
}

static enum progress write_socket(struct connection *connection) {
  struct flow *flow = &connection->bridge->to_socket;
  if (connection->is_peer_gone) {
    flow->start = flow->end;
    return PROGRESS_MADE;
  }
  ssize_t length = send(connection->socket, flow->data + flow->start, flow->end - flow->start, MSG_NOSIGNAL);
  if (length < 0) {
    enum progress progress = progress_of_errno();
    return progress == PROGRESS_FAILED ? lose_peer(connection) : progress;
  }
  flow->start += (size_t)length;
  return PROGRESS_MADE;
}

/* Device to socket. */
static enum progress move_inward(struct connection *connection) {
  enum progress progress = PROGRESS_MADE;
  for (int round = 0; round < ROUNDS_PER_POLL && progress == PROGRESS_MADE; round++) {
    if (!is_empty(&connection->bridge->to_socket)) {
      progress = write_socket(connection);
    } else if (connection->is_drained) {
      return PROGRESS_BLOCKED;
    } else {
      progress = read_device(connection);
    }
  }
  return progress;
}

static enum progress read_socket(struct connection *connection) {
  struct flow *flow = &connection->bridge->to_device;
  ssize_t length = recv(connection->socket, flow->data, FLOW_CAPACITY, 0);
  if (length < 0 && progress_of_errno() != PROGRESS_FAILED) return progress_of_errno();
  if (length <= 0) {
    connection->is_socket_ended = true;
    return PROGRESS_BLOCKED;
  }
  flow->start = 0;
  flow->end = (size_t)length;
  return PROGRESS_MADE;
}

static enum progress write_device(struct connection *connection) {
  struct flow *flow = &connection->bridge->to_device;
  if (connection->is_device_ended) {
    flow->start = flow->end;
    return PROGRESS_MADE;
  }
  ssize_t length = write(connection->bridge->device, flow->data + flow->start, flow->end - flow->start);
  if (length < 0) return progress_of_errno();
  flow->start += (size_t)length;
  return length == 0 ? PROGRESS_BLOCKED : PROGRESS_MADE;
}

/* Socket to device. */
static enum progress move_outward(struct connection *connection) {
  enum progress progress = PROGRESS_MADE;
  for (int round = 0; round < ROUNDS_PER_POLL && progress == PROGRESS_MADE; round++) {
    if (!is_empty(&connection->bridge->to_device)) {
      progress = write_device(connection);
    } else if (connection->is_socket_ended || connection->socket < 0) {
      return PROGRESS_BLOCKED;
    } else {
      progress = read_socket(connection);
    }
  }
  return progress;
}

/*
 * Closes our end so that the other reads what it was sent and then the end. With unread bytes in our
 * queue close would give it ECONNRESET, unix(7); after the shutdown it can add none, so they are read.
 */
static void close_socket(struct connection *connection) {
  if (connection->socket < 0) return;
  uint8_t rest[4096];
  shutdown(connection->socket, SHUT_RDWR);
  while (recv(connection->socket, rest, sizeof rest, MSG_DONTWAIT) > 0) continue;
  close(connection->socket);
  connection->socket = -1;
}

static short device_events(const struct connection *connection) {
  const struct bridge *bridge = connection->bridge;
  short events = 0;
  if (is_empty(&bridge->to_socket)) events |= POLLIN;
  if (!is_empty(&bridge->to_device)) events |= POLLOUT;
  return events;
}

static short socket_events(const struct connection *connection) {
  const struct bridge *bridge = connection->bridge;
  short events = 0;
  if (is_empty(&bridge->to_device) && !connection->is_socket_ended) events |= POLLIN;
  if (!is_empty(&bridge->to_socket)) events |= POLLOUT;
  return events;
}

static int poll_timeout(const struct connection *connection, bool has_more) {
  if (has_more) return 0;
  if (!connection->is_device_ended) return -1;
  int64_t rest = connection->drain_until - now_ms();
  return rest > 0 ? (int)rest : 0;
}

enum wait_result { WAIT_STOP, WAIT_GO_ON, WAIT_FAILED };

/* `has_more`: a side stopped for fairness only, so poll just looks at the others. */
static enum wait_result wait_for_work(struct connection *connection, bool has_more) {
  const struct bridge *bridge = connection->bridge;
  bool has_socket = connection->socket >= 0 && !connection->is_peer_gone;
  struct pollfd set[] = {
      {.fd = bridge->stop, .events = POLLIN},
      {.fd = connection->is_device_ended ? -1 : bridge->device, .events = device_events(connection)},
      {.fd = has_socket ? connection->socket : -1, .events = socket_events(connection)},
  };
  if (poll(set, 3, poll_timeout(connection, has_more)) < 0) return errno == EINTR ? WAIT_GO_ON : WAIT_FAILED;
  if (set[0].revents != 0) return WAIT_STOP;
  if ((set[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
    hang_up(connection);
  }
  if ((set[2].revents & (POLLHUP | POLLERR)) != 0) connection->is_peer_gone = true;
  return WAIT_GO_ON;
}

/* The far side has gone and what it left is delivered, or nobody took it in time. */
static bool is_over(const struct connection *connection) {
  if (!connection->is_device_ended) return false;
  bool is_delivered = connection->is_drained && is_empty(&connection->bridge->to_socket);
  return is_delivered || now_ms() >= connection->drain_until;
}

/* The other end has closed and its last bytes are on the device: only the device is left. */
static void drop_gone_peer(struct connection *connection) {
  bool is_flushed = connection->is_socket_ended && is_empty(&connection->bridge->to_device);
  if (connection->socket >= 0 && connection->is_peer_gone && is_flushed) close_socket(connection);
}

static enum copy_result copy_until_end(struct connection *connection) {
  for (;;) {
    enum progress inward = move_inward(connection);
    if (inward == PROGRESS_NEW_PEER) return COPY_NEW_PEER;
    if (inward == PROGRESS_FAILED) return COPY_FAILED;
    enum progress outward = move_outward(connection);
    if (outward == PROGRESS_FAILED) return COPY_FAILED;
    drop_gone_peer(connection);
    if (is_over(connection)) return COPY_DISCONNECTED;
    switch (wait_for_work(connection, inward == PROGRESS_MADE || outward == PROGRESS_MADE)) {
      case WAIT_STOP:
        return COPY_STOPPED;
      case WAIT_FAILED:
        return COPY_FAILED;
      case WAIT_GO_ON:
        break;
    }
  }
}

static enum copy_result copy(struct connection *connection) {
  struct bridge *bridge = connection->bridge;
  enum copy_result result = copy_until_end(connection);
  int reason = errno;
  close_socket(connection);
  bridge->to_device.start = bridge->to_device.end = 0;
  if (result != COPY_NEW_PEER) bridge->to_socket.start = bridge->to_socket.end = 0;
  errno = reason;
  return result;
}

enum copy_result copy_connection(struct bridge *bridge, int socket) {
  struct connection connection = {
      .bridge = bridge, .socket = socket, .has_received = !is_empty(&bridge->to_socket)};
  return copy(&connection);
}

enum copy_result refuse_connection(struct bridge *bridge) {
  struct connection connection = {.bridge = bridge, .socket = -1, .is_socket_ended = true, .is_peer_gone = true};
  memcpy(bridge->to_device.data, REFUSAL, REFUSAL_LENGTH);
  memset(bridge->to_device.data + REFUSAL_LENGTH, NO_PACKET, FLOW_CAPACITY - REFUSAL_LENGTH);
  bridge->to_device.end = FLOW_CAPACITY;
  return copy(&connection);
}
