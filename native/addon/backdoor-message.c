/* The message channels of GuestRPC; each function is one exchange of open-vm-tools' lib/message. */
#include "backdoor.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND_MESSAGE 30
#define HIGH_BANDWIDTH_COMMAND_MESSAGE 0

enum { TYPE_OPEN, TYPE_SENDSIZE, TYPE_SENDPAYLOAD, TYPE_RECVSIZE, TYPE_RECVPAYLOAD, TYPE_RECVSTATUS, TYPE_CLOSE };

#define STATUS_SUCCESS 0x0001u
#define STATUS_DORECV 0x0002u
#define STATUS_CHECKPOINT 0x0010u
#define STATUS_HIGH_BANDWIDTH 0x0080u

#define FLAG_COOKIE 0x80000000u

/* The VM was moved while a payload was under way: it is sent or taken anew. More often in a row is no move. */
#define MOST_CHECKPOINTS 8

static uint32_t high_word(uint64_t value) { return (uint32_t)(value >> 16) & 0xFFFF; }

/* One exchange on a channel; gives the host's status. */
static uint32_t exchange(const struct backdoor_channel *channel, uint32_t type, uint32_t value,
                         struct backdoor_registers *registers) {
  *registers = (struct backdoor_registers){
      .bx = value,
      .cx = COMMAND_MESSAGE | type << 16,
      .dx = (uint32_t)channel->id << 16,
      .si = channel->cookie_high,
      .di = channel->cookie_low,
  };
  backdoor_in(registers);
  return high_word(registers->cx);
}

enum backdoor_result open_backdoor_channel(struct backdoor_channel *channel, uint32_t protocol) {
  static const uint32_t FLAGS[] = {FLAG_COOKIE, 0};
  *channel = (struct backdoor_channel){0};
  for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++) {
    struct backdoor_registers registers;
    if ((exchange(channel, TYPE_OPEN, protocol | FLAGS[i], &registers) & STATUS_SUCCESS) == 0) continue;
    *channel = (struct backdoor_channel){
        .is_open = true,
        .id = (uint16_t)high_word(registers.dx),
        .cookie_high = (uint32_t)registers.si,
        .cookie_low = (uint32_t)registers.di,
    };
    return BACKDOOR_OK;
  }
  return BACKDOOR_LOST;
}

void close_backdoor_channel(struct backdoor_channel *channel) {
  struct backdoor_registers registers;
  if (channel->is_open) exchange(channel, TYPE_CLOSE, 0, &registers);
  channel->is_open = false;
}

/* What a payload's exchange has ended in: BACKDOOR_OK, or a status to look at. */
struct transfer {
  bool is_done;
  bool is_checkpoint;
};

static struct transfer judge(uint32_t status) {
  return (struct transfer){(status & STATUS_SUCCESS) != 0, (status & STATUS_CHECKPOINT) != 0};
}

static struct transfer send_bytes(const struct backdoor_channel *channel, const uint8_t *data, size_t size) {
  struct backdoor_registers registers = {
      .bx = HIGH_BANDWIDTH_COMMAND_MESSAGE | STATUS_SUCCESS << 16,
      .cx = size,
      .dx = (uint32_t)channel->id << 16,
      .si = (uintptr_t)data,
      .di = channel->cookie_low,
      .bp = channel->cookie_high,
  };
  backdoor_out_bytes(&registers);
  return judge(high_word(registers.bx));
}

static struct transfer send_words(const struct backdoor_channel *channel, const uint8_t *data, size_t size) {
  for (size_t sent = 0; sent < size; sent += sizeof(uint32_t)) {
    struct backdoor_registers registers;
    uint32_t word = 0;
    memcpy(&word, data + sent, size - sent < sizeof word ? size - sent : sizeof word);
    const struct transfer transfer = judge(exchange(channel, TYPE_SENDPAYLOAD, word, &registers));
    if (!transfer.is_done) return transfer;
  }
  return (struct transfer){.is_done = true};
}

enum backdoor_result send_message(const struct backdoor_channel *channel, const uint8_t *data, size_t size) {
  for (int attempt = 0; attempt < MOST_CHECKPOINTS; attempt++) {
    struct backdoor_registers registers;
    const uint32_t status = exchange(channel, TYPE_SENDSIZE, (uint32_t)size, &registers);
    if ((status & STATUS_SUCCESS) == 0) return BACKDOOR_LOST;
    if (size == 0) return BACKDOOR_OK;
    const struct transfer transfer = (status & STATUS_HIGH_BANDWIDTH) != 0 ? send_bytes(channel, data, size)
                                                                           : send_words(channel, data, size);
    if (transfer.is_done) return BACKDOOR_OK;
    if (!transfer.is_checkpoint) return BACKDOOR_LOST;
  }
  return BACKDOOR_LOST;
}

static struct transfer take_bytes(const struct backdoor_channel *channel, uint8_t *data, size_t size) {
  struct backdoor_registers registers = {
      .bx = HIGH_BANDWIDTH_COMMAND_MESSAGE | STATUS_SUCCESS << 16,
      .cx = size,
      .dx = (uint32_t)channel->id << 16,
      .si = channel->cookie_high,
      .di = (uintptr_t)data,
      .bp = channel->cookie_low,
  };
  backdoor_in_bytes(&registers);
  return judge(high_word(registers.bx));
}

static struct transfer take_words(const struct backdoor_channel *channel, uint8_t *data, size_t size) {
  for (size_t taken = 0; taken < size; taken += sizeof(uint32_t)) {
    struct backdoor_registers registers;
    const struct transfer transfer = judge(exchange(channel, TYPE_RECVPAYLOAD, STATUS_SUCCESS, &registers));
    if (!transfer.is_done) return transfer;
    if (high_word(registers.dx) != TYPE_SENDPAYLOAD) return (struct transfer){0};
    const uint32_t word = (uint32_t)registers.bx;
    memcpy(data + taken, &word, size - taken < sizeof word ? size - taken : sizeof word);
  }
  return (struct transfer){.is_done = true};
}

/* Tells the host that its message did not arrive. */
static void refuse(const struct backdoor_channel *channel, size_t size) {
  struct backdoor_registers registers;
  exchange(channel, size == 0 ? TYPE_RECVSTATUS : TYPE_RECVPAYLOAD, 0, &registers);
}

enum attempt { ARRIVED, AGAIN, BROKEN };

/* Takes a message whose size is known, and says so. */
static enum attempt take_payload(const struct backdoor_channel *channel, uint32_t status, uint8_t *data, size_t size) {
  struct backdoor_registers registers;
  struct transfer transfer = {.is_done = true};
  if (size > 0) {
    transfer = (status & STATUS_HIGH_BANDWIDTH) != 0 ? take_bytes(channel, data, size) : take_words(channel, data, size);
  }
  if (transfer.is_done) transfer = judge(exchange(channel, TYPE_RECVSTATUS, STATUS_SUCCESS, &registers));
  if (transfer.is_done) return ARRIVED;
  return transfer.is_checkpoint ? AGAIN : BROKEN;
}

enum backdoor_result receive_message(const struct backdoor_channel *channel, uint8_t **data, size_t *size) {
  for (int attempt = 0; attempt < MOST_CHECKPOINTS; attempt++) {
    struct backdoor_registers registers;
    const uint32_t status = exchange(channel, TYPE_RECVSIZE, 0, &registers);
    if ((status & STATUS_SUCCESS) == 0) return BACKDOOR_LOST;
    if ((status & STATUS_DORECV) == 0) return BACKDOOR_NO_REPLY;
    if (high_word(registers.dx) != TYPE_SENDSIZE) return BACKDOOR_PROTOCOL;
    *size = (uint32_t)registers.bx;
    if (*size > LARGEST_REPLY) {
      refuse(channel, *size);
      return BACKDOOR_TOO_LARGE;
    }
    /* Zeroed: what the host leaves out must not be what this memory held before. */
    uint8_t *message = calloc(*size + 1, 1);
    if (message == NULL) {
      refuse(channel, *size);
      return BACKDOOR_NO_MEMORY;
    }
    const enum attempt result = take_payload(channel, status, message, *size);
    if (result == ARRIVED) {
      *data = message;
      return BACKDOOR_OK;
    }
    free(message);
    if (result == BROKEN) {
      refuse(channel, *size);
      return BACKDOOR_LOST;
    }
  }
  return BACKDOOR_LOST;
}
