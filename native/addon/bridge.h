/*
 * A character device bridged to stream sockets: what bridge.c (JavaScript's side), bridge-thread.c (the
 * life of the device) and bridge-copy.c (one connection) share; and, in the same frame, the kernel's
 * messages about devices that come and go (bridge-uevents.c).
 */
#ifndef TETHER_BRIDGE_H
#define TETHER_BRIDGE_H

#include "arguments.h"

#include <pthread.h>

/* The first bytes of an SSH peer, RFC 4253 section 4.2. */
#define BANNER "SSH-2.0-"
#define BANNER_LENGTH 8u

/* 64 KiB each way: two of the largest writes that a virtio-serial port takes (32 KiB). */
#define FLOW_CAPACITY 65536u

/* Bytes on their way in one direction. Filled only when empty, so a chunk read is a chunk kept. */
struct flow {
  size_t start, end;
  uint8_t data[FLOW_CAPACITY];
};

struct bridge {
  int device;   /* or the netlink socket of uevents */
  int stop;     /* eventfd: readable once the bridge is to end */
  int signals;  /* signalfd for SIGIO, made by the bridge's thread; -1 for a terminal */
  bool is_terminal;
  bool is_interrupted; /* whoever is on the far side spoke with a process that is gone */
  struct flow to_socket, to_device;

  bool (*open)(struct bridge *, const char **syscall); /* opens what is needed; false with errno */
  void *(*run)(void *);                                /* the thread */

  pthread_t thread;
  napi_threadsafe_function events;
  bool events_gone;  /* the environment is being torn down: `events` must not be used again */
  bool has_thread;   /* main thread only */
  bool finished;     /* main thread only: the thread has been joined */
  napi_deferred closing; /* main thread only */
  int references;    /* main thread only: the JavaScript handle, and the running thread */
  char *path;
};

/* How one connection ended. */
enum copy_result {
  COPY_STOPPED,      /* the bridge is to end */
  COPY_DISCONNECTED, /* the far side closed the device */
  COPY_NEW_PEER,     /* a new peer's banner arrived; to_socket starts with it */
  COPY_FAILED,       /* the device failed; errno says why */
};

/**
 * Copies between the device and `socket` (both non-blocking) until one of the results. Closes the socket
 * so that its other end reads everything and then the end. When that other end closes first, drops what
 * the device brings and goes on waiting. What to_socket holds at the start is delivered first;
 * to_device starts empty.
 */
enum copy_result copy_connection(struct bridge *bridge, int socket);

/**
 * Ends a connection that a process before this one has left unfinished: sends what no SSH peer takes in any
 * state of its connection, so that it hangs up, and drops what it sends until then. One that has not said
 * anything yet stays, as a new peer.
 */
enum copy_result refuse_connection(struct bridge *bridge);

/** The bridge's thread: waits for the far side, makes connections, until stopped or failed. */
void *run_bridge(void *bridge);

/** Tells JavaScript about a new connection; takes the descriptor. From the bridge's thread. */
void announce_connection(struct bridge *bridge, int socket);

/** The thread of watchUevents: passes on message after message, until stopped or failed. */
void *run_uevents(void *bridge);

/** As run_uevents, but says of each message only that there was one. */

/** Tells JavaScript about a message. From the bridge's thread. */
void announce_message(struct bridge *bridge, const uint8_t *data, size_t length);

/** Tells JavaScript that the device failed. From the bridge's thread. */
void announce_failure(struct bridge *bridge, int number, const char *syscall);

#endif
