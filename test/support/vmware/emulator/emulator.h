/*
 * An emulator of VMware's backdoor for tests: runs a program under ptrace(2) and answers its `in`, `rep insb` and
 * `rep outsb` on the backdoor's ports, which fault outside of VMware, as VMware would. Facts: open-vm-tools,
 * lib/include/backdoor_def.h, guest_msg_def.h and lib/message/message.c.
 */
#ifndef EMULATOR_H
#define EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define BACKDOOR_MAGIC 0x564D5868u
#define LOW_BANDWIDTH_PORT 0x5658
#define HIGH_BANDWIDTH_PORT 0x5659

/* GUESTMSG_MAX_IN_SIZE: VMware takes no larger request. */
#define LARGEST_REQUEST (64u * 1024)

/* Where a program executes CPUID, found by whoever starts the emulator: not every processor faults there. */
struct cpuid_site {
  const char *path;
  uint64_t offset;
};

enum fault_kind {
  FAULT_CHECKPOINT, /* this transfer answers that a checkpoint occurred: it is to be made again */
  FAULT_LOST,       /* every channel is gone, as after vMotion */
  FAULT_REFUSE,     /* this instruction fails */
  FAULT_OVERSIZE,   /* the reply's size is said to be 4 GiB less 1 */
  FAULT_SHORT,      /* the reply is one byte long */
  FAULT_WRONG_TYPE, /* something else than what is asked for is announced */
  FAULT_NO_REPLY,   /* there is no reply */
  FAULT_COOKIE,     /* the channel that is opened gets another cookie than the program is told */
};

struct fault {
  enum fault_kind kind;
  uint64_t at; /* the message instruction that it happens at, from 1 */
};

/* What the command line says; see main.c. */
struct options {
  const char *keys;
  const char *log;
  const char *vendor;
  bool has_high_bandwidth;
  bool is_restricted; /* only threads with I/O privilege are answered: monitor_control.restrict_backdoor */
  bool answers_version;
  bool is_init;
  bool is_hostile;
  uint64_t seed;
  struct cpuid_site *sites;
  size_t site_count;
  struct fault *faults;
  size_t fault_count;
};

extern struct options options;

/* main.c */
void die(const char *what) __attribute__((noreturn));
uint64_t next_random(void);

/* tracee.c: memory of the program; true when all of it could be read or written. */
bool read_memory(pid_t tid, uint64_t address, void *data, size_t size);
size_t read_some_memory(pid_t tid, uint64_t address, void *data, size_t size);
bool write_memory(pid_t tid, uint64_t address, const void *data, size_t size);

/* trace.c: runs the program to its end and gives its wait status. */
int trace_program(pid_t child);

/* threads.c: which threads may use the ports. */
void thread_inherits(pid_t parent, pid_t child);
void thread_ends(pid_t tid);
void set_privilege(pid_t tid, bool is_privileged);
bool has_privilege(pid_t tid);

/* filter.c: makes the calling process's system calls what the emulator needs. */
void install_filter(void);

/* breakpoints.c */
void set_breakpoints(pid_t tid);
bool is_breakpoint(pid_t tid, uint64_t address);
void answer_cpuid(struct user_regs_struct *registers);

/* instructions.c: true when the fault was the backdoor's and has been answered. */
bool answer_fault(pid_t tid, struct user_regs_struct *registers);

/* messages.c: the low-bandwidth and the high-bandwidth instruction; false: VMware would not answer. */
void answer_message(struct user_regs_struct *registers);
void receive_bytes(pid_t tid, struct user_regs_struct *registers);
void send_bytes(pid_t tid, struct user_regs_struct *registers);

/* channels.c */
struct channel {
  bool is_open;
  uint32_t cookie_high;
  uint32_t cookie_low;
  unsigned char request[LARGEST_REQUEST];
  size_t request_size; /* as announced */
  size_t received;
  unsigned char *reply;
  size_t reply_size;
  size_t sent;
};
struct channel *open_channel(unsigned *id);
struct channel *find_channel(unsigned id, uint32_t cookie_high, uint32_t cookie_low);
void close_channel(struct channel *channel);
void close_all_channels(void);

/* rpci.c: executes a request; the caller frees the reply. */
unsigned char *execute_request(const unsigned char *request, size_t size, size_t *reply_size);

/* keys.c: a folder with a file for each key; `/` and `%` of a key are %2F and %25 in the file's name. */
unsigned char *read_key(const char *key, size_t *size);
bool write_key(const char *key, const void *value, size_t size);

#endif
