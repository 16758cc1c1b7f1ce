/*
 * The seccomp filter of a container: Docker's default profile, made for its capabilities. The table comes from
 * native/seccomp at build time, sorted; what is left to do here takes some ten microseconds. The filter is a
 * binary search, so that a call costs some eight steps of BPF in place of libseccomp's hundreds.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

/* What becomes of a call. */
enum verdict {
  VERDICT_ALLOW,
  VERDICT_EPERM,
  VERDICT_ENOSYS,
  /* clone(2): allowed unless it makes a namespace. */
  VERDICT_IF_NO_NAMESPACE,
  /* personality(2): Linux's own, 32-bit uname, without address randomisation: nothing of other systems. */
  VERDICT_IF_PLAIN_PERSONALITY,
  /* socket(2): a VM's sockets to its host (AF_VSOCK) know no network namespace. */
  VERDICT_IF_NOT_VSOCK,
};

/* System calls from `first` up to the next range: allowed with one of the capabilities, else `otherwise`. */
struct call_range {
  uint32_t first;
  uint64_t capabilities;
  enum verdict otherwise;
};

#include "seccomp-table.h"

/* x86-64's calls with 32-bit pointers have this bit in their numbers (asm/unistd.h). */
#define X32_BIT 0x40000000u
#define NAMESPACE_FLAGS \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(number) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
/* The half of the first argument that the kernel looks at; x86 has it first. */
#define LOAD_FIRST_ARGUMENT LOAD(args[0])
#define JUMP(condition, value, if_true, if_false) \
  BPF_JUMP(BPF_JMP | (condition) | BPF_K, (value), (if_true), (if_false))

/* The kernel takes 4096 steps (BPF_MAXINSNS); three architectures need some 700. */
#define MOST_STEPS 2048
#define MOST_RANGES 512
/* How far a conditional jump of BPF reaches. */
#define LONGEST_JUMP 255u

struct program {
  struct sock_filter steps[MOST_STEPS];
  size_t length;
  bool is_too_long;
};

static void put(struct program *program, struct sock_filter step) {
  if (program->length < MOST_STEPS) program->steps[program->length++] = step;
  else program->is_too_long = true;
}

static void put_all(struct program *program, const struct sock_filter *steps, size_t count) {
  for (size_t i = 0; i < count; i++) put(program, steps[i]);
}

#define PUT(program, ...)                                                 \
  do {                                                                    \
    const struct sock_filter more[] = {__VA_ARGS__};                      \
    put_all((program), more, sizeof more / sizeof more[0]);               \
  } while (0)

static void put_verdict(struct program *program, enum verdict verdict) {
  switch (verdict) {
    case VERDICT_ALLOW:
      PUT(program, ALLOW);
      break;
    case VERDICT_EPERM:
      PUT(program, REFUSE(EPERM));
      break;
    case VERDICT_ENOSYS:
      PUT(program, REFUSE(ENOSYS));
      break;
    case VERDICT_IF_NO_NAMESPACE:
      PUT(program, LOAD_FIRST_ARGUMENT, JUMP(BPF_JSET, NAMESPACE_FLAGS, 1, 0), ALLOW, REFUSE(EPERM));
      break;
    case VERDICT_IF_PLAIN_PERSONALITY:
      /* PER_LINUX, PER_LINUX32, both with UNAME26, and the question what it is. */
      PUT(program, LOAD_FIRST_ARGUMENT, JUMP(BPF_JEQ, 0, 5, 0), JUMP(BPF_JEQ, 8, 4, 0),
          JUMP(BPF_JEQ, 0x20000, 3, 0), JUMP(BPF_JEQ, 0x20008, 2, 0), JUMP(BPF_JEQ, 0xffffffff, 1, 0),
          REFUSE(EPERM), ALLOW);
      break;
    case VERDICT_IF_NOT_VSOCK:
      PUT(program, LOAD_FIRST_ARGUMENT, JUMP(BPF_JEQ, AF_VSOCK, 1, 0), ALLOW, REFUSE(EPERM));
      break;
  }
}

/* A range whose capabilities have been looked up. */
struct decided_range {
  uint32_t first;
  enum verdict verdict;
};

/* Looks the capabilities up, and joins neighbours that have come to the same. */
static size_t decide(const struct call_range *ranges, size_t count, uint64_t capabilities,
                     struct decided_range *decided) {
  size_t length = 0;
  for (size_t i = 0; i < count && length < MOST_RANGES; i++) {
    enum verdict verdict = (ranges[i].capabilities & capabilities) != 0 ? VERDICT_ALLOW : ranges[i].otherwise;
    if (length > 0 && decided[length - 1].verdict == verdict) continue;
    decided[length++] = (struct decided_range){.first = ranges[i].first, .verdict = verdict};
  }
  return length;
}

/* Binary search for the range of the number in the accumulator. */
static void put_search(struct program *program, const struct decided_range *ranges, size_t count) {
  if (count == 1) {
    put_verdict(program, ranges[0].verdict);
    return;
  }
  size_t middle = count / 2;
  size_t branch = program->length;
  PUT(program, JUMP(BPF_JGE, ranges[middle].first, 0, 0));
  put_search(program, ranges, middle);
  size_t distance = program->length - branch - 1;
  if (distance > LONGEST_JUMP) program->is_too_long = true;
  program->steps[branch].jt = (uint8_t)distance;
  put_search(program, ranges + middle, count - middle);
}

static void put_table(struct program *program, const struct call_range *ranges, size_t count,
                      uint64_t capabilities) {
  struct decided_range decided[MOST_RANGES];
  put_search(program, decided, decide(ranges, count, capabilities, decided));
}

#define PUT_TABLE(program, table, capabilities) \
  put_table((program), (table), sizeof(table) / sizeof(table)[0], (capabilities))

/* Jumps over what comes next, to where the returned step's `k` is set by end_skip. */
static size_t begin_skip(struct program *program) {
  size_t skip = program->length;
  PUT(program, BPF_STMT(BPF_JMP | BPF_JA, 0));
  return skip;
}

static void end_skip(struct program *program, size_t skip) {
  program->steps[skip].k = (uint32_t)(program->length - skip - 1);
}

static void assemble(struct program *program, uint64_t capabilities) {
  PUT(program, LOAD(arch), JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0));
  size_t other = begin_skip(program);
  PUT(program, LOAD(nr), JUMP(BPF_JSET, X32_BIT, 0, 1));
  size_t x32 = begin_skip(program);
  PUT_TABLE(program, X86_64_CALLS, capabilities);
  end_skip(program, x32);
  /* -1 is a call that a tracer has cancelled, and more than any known number still. */
  PUT(program, BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~X32_BIT));
  PUT_TABLE(program, X32_CALLS, capabilities);
  end_skip(program, other);
  PUT(program, JUMP(BPF_JEQ, AUDIT_ARCH_I386, 1, 0), KILL, LOAD(nr));
  PUT_TABLE(program, I386_CALLS, capabilities);
}

static bool install(const struct instructions *instructions) {
  static struct program program; /* 16 KiB of zeroes that cost nothing until they are used */
  if (instructions->program != NULL) {
    struct sock_fprog own = {.len = (unsigned short)instructions->program_length, .filter = instructions->program};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &own) == 0;
  }
  assemble(&program, instructions->capabilities);
  if (program.is_too_long) {
    errno = E2BIG;
    return false;
  }
  struct sock_fprog filter = {.len = (unsigned short)program.length, .filter = program.steps};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

/** seccomp(2) while CAP_SYS_ADMIN is still there, which it takes without no_new_privs. */
bool filter_calls_with_privileges(const struct instructions *instructions, const char **detail) {
  (void)detail;
  return !instructions->seccomp || instructions->no_new_privileges || install(instructions);
}

/** seccomp(2) as late as can be, with no_new_privs: the fewer steps lie behind it, the better. */
bool filter_calls_without_privileges(const struct instructions *instructions, const char **detail) {
  (void)detail;
  return !instructions->seccomp || !instructions->no_new_privileges || install(instructions);
}
