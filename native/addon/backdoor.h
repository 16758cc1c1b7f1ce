/*
 * VMware's backdoor: instructions on two I/O ports that its hypervisor answers, and the message channels of GuestRPC
 * over them. Source: open-vm-tools, lib/include/backdoor_def.h and guest_msg_def.h, lib/message.
 */
#ifndef TETHER_BACKDOOR_H
#define TETHER_BACKDOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A host that says more is not one to believe; VMware's own values are bounded by 64 KiB and by 1 MiB in all. */
#define LARGEST_REPLY (1u << 20)

/* The registers that carry arguments, into the instruction and out of it. */
struct backdoor_registers {
  uint64_t ax, bx, cx, dx, si, di, bp;
};

/* The low-bandwidth port's `in`; sets the magic number and the port. */
void backdoor_in(struct backdoor_registers *registers);

/* The high-bandwidth port's `rep insb` to di, and `rep outsb` from si: cx bytes. Set the magic number and the port. */
void backdoor_in_bytes(struct backdoor_registers *registers);
void backdoor_out_bytes(struct backdoor_registers *registers);

/* ioperm(2) for this thread and both ports. Takes the right away when `wanted` is false. 0 or the errno. */
int permit_backdoor(bool wanted);

struct backdoor_channel {
  bool is_open;
  uint16_t id;
  uint32_t cookie_high;
  uint32_t cookie_low;
};

/* Where a message's way ended. */
enum backdoor_result {
  BACKDOOR_OK,
  BACKDOOR_LOST,      /* the host does not, or no longer, serve the channel: another one may do */
  BACKDOOR_NO_REPLY,
  BACKDOOR_PROTOCOL,  /* the host answers what was not asked for */
  BACKDOOR_TOO_LARGE, /* a reply above LARGEST_REPLY */
  BACKDOOR_NO_MEMORY,
};

/* Opens a channel of a protocol, with a cookie where the host has them. */
enum backdoor_result open_backdoor_channel(struct backdoor_channel *channel, uint32_t protocol);

/* Whatever the host says, the channel is closed for us. */
void close_backdoor_channel(struct backdoor_channel *channel);

enum backdoor_result send_message(const struct backdoor_channel *channel, const uint8_t *data, size_t size);

/* The caller frees `data`, which is set with BACKDOOR_OK alone. */
enum backdoor_result receive_message(const struct backdoor_channel *channel, uint8_t **data, size_t *size);

#endif
