#include "emulator.h"

#include <stdlib.h>

/* VMware has 128 (GUESTMSG_MAX_CHANNEL); fewer show sooner that a client does not close its own. */
#define MOST_CHANNELS 8

static struct channel channels[MOST_CHANNELS];

struct channel *open_channel(unsigned *id) {
  static uint32_t cookie = 0x1234;
  for (unsigned i = 0; i < MOST_CHANNELS; i++) {
    struct channel *channel = &channels[i];
    if (channel->is_open) continue;
    channel->is_open = true;
    channel->cookie_high = cookie += 0x01010101;
    channel->cookie_low = ~cookie;
    *id = i;
    return channel;
  }
  return NULL;
}

struct channel *find_channel(unsigned id, uint32_t cookie_high, uint32_t cookie_low) {
  if (id >= MOST_CHANNELS) return NULL;
  struct channel *channel = &channels[id];
  if (!channel->is_open || channel->cookie_high != cookie_high || channel->cookie_low != cookie_low) return NULL;
  return channel;
}

void close_channel(struct channel *channel) {
  free(channel->reply);
  channel->reply = NULL;
  channel->reply_size = channel->sent = channel->request_size = channel->received = 0;
  channel->is_open = false;
}

void close_all_channels(void) {
  for (unsigned i = 0; i < MOST_CHANNELS; i++) close_channel(&channels[i]);
}
