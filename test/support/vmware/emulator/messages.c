/* The message channels of GuestRPC: open-vm-tools, lib/include/guest_msg_def.h. */
#include "emulator.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_OPEN, TYPE_SENDSIZE, TYPE_SENDPAYLOAD, TYPE_RECVSIZE, TYPE_RECVPAYLOAD, TYPE_RECVSTATUS, TYPE_CLOSE };

#define STATUS_SUCCESS 0x0001u
#define STATUS_DORECV 0x0002u
#define STATUS_CHECKPOINT 0x0010u
#define STATUS_HIGH_BANDWIDTH 0x0080u

#define PROTOCOL_RPCI 0x49435052u
#define FLAG_COOKIE 0x80000000u

static uint64_t instructions;

static bool strikes(enum fault_kind kind) {
  for (size_t i = 0; i < options.fault_count; i++) {
    if (options.faults[i].kind == kind && options.faults[i].at == instructions) return true;
  }
  return false;
}

static void begin_instruction(void) {
  instructions += 1;
  if (strikes(FAULT_LOST)) close_all_channels();
}

static void set_status(struct user_regs_struct *registers, uint32_t status) {
  registers->rcx = (registers->rcx & 0xFFFF) | status << 16;
}

static void execute(struct channel *channel) {
  free(channel->reply);
  channel->reply = execute_request(channel->request, channel->request_size, &channel->reply_size);
  channel->sent = 0;
  if (strikes(FAULT_SHORT)) channel->reply_size = 1;
}

static uint32_t take(struct channel *channel, const void *data, size_t size) {
  if (channel->received + size > channel->request_size) return 0;
  memcpy(channel->request + channel->received, data, size);
  channel->received += size;
  if (channel->received == channel->request_size) execute(channel);
  return STATUS_SUCCESS;
}

static uint32_t open_message(struct user_regs_struct *registers) {
  unsigned id;
  if ((registers->rbx & ~FLAG_COOKIE) != PROTOCOL_RPCI) return 0;
  struct channel *channel = open_channel(&id);
  if (channel == NULL) return 0;
  registers->rdx = (registers->rdx & 0xFFFF) | id << 16;
  registers->rsi = channel->cookie_high;
  registers->rdi = channel->cookie_low;
  if (strikes(FAULT_COOKIE)) channel->cookie_low += 1;
  return STATUS_SUCCESS;
}

static uint32_t begin_request(struct channel *channel, uint32_t size) {
  if (size > LARGEST_REQUEST) return 0;
  channel->request_size = size;
  channel->received = 0;
  if (size == 0) execute(channel);
  return STATUS_SUCCESS | (options.has_high_bandwidth ? STATUS_HIGH_BANDWIDTH : 0);
}

static uint32_t announce_reply(struct channel *channel, struct user_regs_struct *registers) {
  if (channel->reply == NULL || strikes(FAULT_NO_REPLY)) return STATUS_SUCCESS;
  channel->sent = 0;
  registers->rdx = (registers->rdx & 0xFFFF) | (strikes(FAULT_WRONG_TYPE) ? TYPE_CLOSE : TYPE_SENDSIZE) << 16;
  registers->rbx = strikes(FAULT_OVERSIZE) ? UINT32_MAX : channel->reply_size;
  return STATUS_SUCCESS | STATUS_DORECV | (options.has_high_bandwidth ? STATUS_HIGH_BANDWIDTH : 0);
}

static uint32_t give_word(struct channel *channel, struct user_regs_struct *registers) {
  if (channel->reply == NULL || (registers->rbx & STATUS_SUCCESS) == 0) return 0;
  const size_t left = channel->reply_size - channel->sent;
  const size_t size = left < 4 ? left : 4;
  uint32_t word = 0;
  memcpy(&word, channel->reply + channel->sent, size);
  channel->sent += size;
  registers->rbx = word;
  registers->rdx = (registers->rdx & 0xFFFF) | (strikes(FAULT_WRONG_TYPE) ? TYPE_CLOSE : TYPE_SENDPAYLOAD) << 16;
  return STATUS_SUCCESS;
}

static uint32_t end_reply(struct channel *channel) {
  free(channel->reply);
  channel->reply = NULL;
  return STATUS_SUCCESS;
}

static uint32_t answer_type(struct channel *channel, struct user_regs_struct *registers) {
  const uint32_t value = (uint32_t)registers->rbx;
  switch ((registers->rcx >> 16) & 0xFFFF) {
    case TYPE_SENDSIZE:
      return begin_request(channel, value);
    case TYPE_SENDPAYLOAD: {
      const size_t left = channel->request_size - channel->received;
      return take(channel, &value, left < 4 ? left : 4);
    }
    case TYPE_RECVSIZE:
      return announce_reply(channel, registers);
    case TYPE_RECVPAYLOAD:
      return give_word(channel, registers);
    case TYPE_RECVSTATUS:
      return end_reply(channel);
    case TYPE_CLOSE:
      close_channel(channel);
      return STATUS_SUCCESS;
    default:
      return 0;
  }
}

/* Often something that lets the client go on, so that it meets the rest as well. */
static void answer_anything(struct user_regs_struct *registers) {
  const uint64_t choice = next_random();
  registers->rcx = next_random() & 0xFFFFFFFF;
  if (choice & 7) registers->rcx |= (STATUS_SUCCESS | STATUS_DORECV) << 16;
  registers->rdx = next_random() & 0xFFFFFFFF;
  if (choice & 0x38) registers->rdx = (registers->rdx & 0xFFFF) | ((choice & 0x40) ? TYPE_SENDSIZE : TYPE_SENDPAYLOAD) << 16;
  registers->rbx = next_random() & ((choice & 0x180) ? 0xFFF : 0xFFFFFFFF);
  registers->rax = next_random();
  registers->rsi = next_random();
  registers->rdi = next_random();
}

void answer_message(struct user_regs_struct *registers) {
  begin_instruction();
  if (options.is_hostile) {
    answer_anything(registers);
    return;
  }
  const uint32_t type = (registers->rcx >> 16) & 0xFFFF;
  if (strikes(FAULT_REFUSE)) set_status(registers, 0);
  else if (strikes(FAULT_CHECKPOINT)) set_status(registers, STATUS_CHECKPOINT);
  else if (type == TYPE_OPEN) set_status(registers, open_message(registers));
  else {
    struct channel *channel =
        find_channel((registers->rdx >> 16) & 0xFFFF, (uint32_t)registers->rsi, (uint32_t)registers->rdi);
    set_status(registers, channel == NULL ? 0 : answer_type(channel, registers));
  }
}

static void end_transfer(struct user_regs_struct *registers, uint32_t status, size_t count) {
  registers->rbx = (registers->rbx & 0xFFFF) | status << 16;
  registers->rcx -= count;
}

/* True when the transfer has been answered with a failure. */
static bool fails(struct user_regs_struct *registers) {
  begin_instruction();
  if (options.is_hostile && (next_random() & 3) == 0) {
    end_transfer(registers, (uint32_t)next_random() & 0xFFFE, next_random() & 0xFFF);
    return true;
  }
  if (strikes(FAULT_CHECKPOINT)) end_transfer(registers, STATUS_CHECKPOINT, 0);
  else if (strikes(FAULT_REFUSE)) end_transfer(registers, 0, 0);
  else return false;
  return true;
}

/* rep outsb: the program sends its request. */
void receive_bytes(pid_t tid, struct user_regs_struct *registers) {
  if (fails(registers)) return;
  if (options.is_hostile) {
    end_transfer(registers, STATUS_SUCCESS, next_random() & 0xFFF);
    return;
  }
  struct channel *channel =
      find_channel((registers->rdx >> 16) & 0xFFFF, (uint32_t)registers->rbp, (uint32_t)registers->rdi);
  static unsigned char data[LARGEST_REQUEST];
  const size_t size = registers->rcx;
  if (channel == NULL || size > sizeof data || !read_memory(tid, registers->rsi, data, size)) {
    end_transfer(registers, 0, 0);
    return;
  }
  const uint32_t status = take(channel, data, size);
  registers->rsi += size;
  end_transfer(registers, status, size);
}

static void send_anything(pid_t tid, struct user_regs_struct *registers) {
  /* As many bytes as there is room for, no more: where the program's buffer ends is the program's word. */
  unsigned char data[256];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)next_random();
  if (next_random() & 3) memcpy(data, "1 ", 2);
  const size_t size = registers->rcx < sizeof data ? registers->rcx : sizeof data;
  end_transfer(registers, write_memory(tid, registers->rdi, data, size) ? STATUS_SUCCESS : 0, 0);
}

/* rep insb: the program takes its reply. */
void send_bytes(pid_t tid, struct user_regs_struct *registers) {
  if (fails(registers)) return;
  if (options.is_hostile) {
    send_anything(tid, registers);
    return;
  }
  struct channel *channel =
      find_channel((registers->rdx >> 16) & 0xFFFF, (uint32_t)registers->rsi, (uint32_t)registers->rbp);
  if (channel == NULL || channel->reply == NULL) {
    end_transfer(registers, 0, 0);
    return;
  }
  const size_t size = registers->rcx < channel->reply_size ? registers->rcx : channel->reply_size;
  const bool is_written = write_memory(tid, registers->rdi, channel->reply, size);
  registers->rdi += size;
  end_transfer(registers, is_written ? STATUS_SUCCESS : 0, size);
}
