/* Threads beside Node's own. */
#ifndef TETHER_THREAD_H
#define TETHER_THREAD_H

#include <pthread.h>

/**
 * pthread_create(3) of a thread that gets no signal but those of its own faults: Node's handlers belong to Node's
 * threads, but a fault whose signal is blocked kills the process instead of coming to the crash handler.
 *
 * @return 0 or the reason.
 */
int create_thread(pthread_t *thread, void *(*run)(void *), void *data);

#endif
