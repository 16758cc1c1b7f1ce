#include "backdoor.h"
#include "arguments.h"
#include "calls.h"

#include <cpuid.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/io.h>

#define MAGIC 0x564D5868u
#define LOW_BANDWIDTH_PORT 0x5658u
#define HIGH_BANDWIDTH_PORT 0x5659u

#define COMMAND_GET_VERSION 10

/* CPUID: a hypervisor is there, and which one (the kernel's arch/x86/kernel/cpu/vmware.c). */
#define HYPERVISOR_PRESENT (1u << 31)
#define HYPERVISOR_LEAF 0x40000000u
#define VMWARE_VENDOR "VMwareVMware"

/* The low word of dx is the port, the high one an argument. */
static uint64_t with_port(uint64_t dx, uint32_t port) { return (dx & ~0xFFFFull) | port; }

void backdoor_in(struct backdoor_registers *registers) {
  registers->ax = MAGIC;
  registers->dx = with_port(registers->dx, LOW_BANDWIDTH_PORT);
  __asm__ volatile("inl %%dx, %%eax"
                   : "+a"(registers->ax), "+b"(registers->bx), "+c"(registers->cx), "+d"(registers->dx),
                     "+S"(registers->si), "+D"(registers->di)
                   :
                   : "memory");
}

/* rbp is an argument too, and the compiler's: exchanged around the one instruction. */
#define WITH_BP(instruction)                                                                             \
  __asm__ volatile("xchgq %%rbp, %[bp]\n\tcld\n\t" instruction "\n\txchgq %%rbp, %[bp]"                  \
                   : "+a"(registers->ax), "+b"(registers->bx), "+c"(registers->cx), "+d"(registers->dx), \
                     "+S"(registers->si), "+D"(registers->di), [bp] "+r"(bp)                             \
                   :                                                                                     \
                   : "memory", "cc")

static void prepare_bytes(struct backdoor_registers *registers) {
  registers->ax = MAGIC;
  registers->dx = with_port(registers->dx, HIGH_BANDWIDTH_PORT);
}

void backdoor_in_bytes(struct backdoor_registers *registers) {
  prepare_bytes(registers);
  register uint64_t bp __asm__("r8") = registers->bp;
  WITH_BP("rep insb");
  registers->bp = bp;
}

void backdoor_out_bytes(struct backdoor_registers *registers) {
  prepare_bytes(registers);
  register uint64_t bp __asm__("r8") = registers->bp;
  WITH_BP("rep outsb");
  registers->bp = bp;
}

int permit_backdoor(bool wanted) {
  return ioperm(LOW_BANDWIDTH_PORT, HIGH_BANDWIDTH_PORT - LOW_BANDWIDTH_PORT + 1, wanted) == 0 ? 0 : errno;
}

static bool is_on_vmware(void) {
  uint32_t a, b, c, d;
  char vendor[12];
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & HYPERVISOR_PRESENT) == 0) return false;
  __cpuid(HYPERVISOR_LEAF, a, b, c, d);
  memcpy(vendor, &b, 4);
  memcpy(vendor + 4, &c, 4);
  memcpy(vendor + 8, &d, 4);
  return memcmp(vendor, VMWARE_VENDOR, sizeof vendor) == 0;
}

enum answer { ANSWERED, SILENT, FAULTED };

static _Thread_local sigjmp_buf *guarded;
static struct sigaction before[NSIG];

/* Another thread's fault is its own: it comes again, to the handler from before. */
static void on_fault(int signal) {
  if (guarded != NULL) siglongjmp(*guarded, 1);
  sigaction(signal, &before[signal], NULL);
}

/* An instruction that the hypervisor does not let through faults: in a guest whose memory is encrypted with SIGBUS. */
static const int FAULTS[] = {SIGSEGV, SIGBUS};

static enum answer ask_version(void) {
  struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
  sigjmp_buf back;
  struct backdoor_registers registers = {.cx = COMMAND_GET_VERSION};
  volatile enum answer answer = FAULTED;
  for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) sigaction(FAULTS[i], &action, &before[FAULTS[i]]);
  if (sigsetjmp(back, 1) == 0) {
    guarded = &back;
    backdoor_in(&registers);
    answer = (uint32_t)registers.bx == MAGIC && (uint32_t)registers.ax != UINT32_MAX ? ANSWERED : SILENT;
  }
  guarded = NULL;
  for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) sigaction(FAULTS[i], &before[FAULTS[i]], NULL);
  return answer;
}

static napi_value to_text(napi_env env, const char *text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok ? value : NULL;
}

/**
 * Whether there is a backdoor, and for whom: () gives "none", "everybody" or "privileged". Its port is touched on
 * VMware only. Before the crash handler is installed: a fault is caught here for a moment.
 */
napi_value call_probe_backdoor(napi_env env, napi_callback_info info) {
  (void)info;
  if (!is_on_vmware()) return to_text(env, "none");
  enum answer answer = ask_version();
  if (answer == ANSWERED) return to_text(env, "everybody");
  if (answer == FAULTED) {
    const int number = permit_backdoor(true);
    if (number != 0) return throw_errno(env, number, "ioperm", "the VMware backdoor");
    answer = ask_version();
    permit_backdoor(false);
    if (answer == ANSWERED) return to_text(env, "privileged");
  }
  return throw_errno(env, EOPNOTSUPP, "in", "the VMware backdoor");
}
