#include "emulator.h"

#define LONGEST_INSTRUCTION 8

#define OPCODE_IN 0xED    /* in eax, dx */
#define OPCODE_INS 0x6C   /* insb */
#define OPCODE_OUTS 0x6E  /* outsb */
#define PREFIX_REPEAT 0xF3

#define COMMAND_VERSION 10
#define COMMAND_MESSAGE 30

static void answer_version(struct user_regs_struct *registers) {
  registers->rax = 6;
  registers->rbx = BACKDOOR_MAGIC;
  registers->rcx = 4; /* VMX type: server */
}

static bool answer_in(struct user_regs_struct *registers) {
  if ((uint16_t)registers->rdx != LOW_BANDWIDTH_PORT || (uint32_t)registers->rax != BACKDOOR_MAGIC) return false;
  const uint16_t command = (uint16_t)registers->rcx;
  if (!options.answers_version) registers->rax = UINT32_MAX;
  else if (command == COMMAND_VERSION) answer_version(registers);
  else if (command == COMMAND_MESSAGE) answer_message(registers);
  else registers->rax = UINT32_MAX;
  return true;
}

static bool answer_string(pid_t tid, struct user_regs_struct *registers, bool is_in) {
  if ((uint16_t)registers->rdx != HIGH_BANDWIDTH_PORT || (uint32_t)registers->rax != BACKDOOR_MAGIC) return false;
  if (is_in) send_bytes(tid, registers);
  else receive_bytes(tid, registers);
  return true;
}

bool answer_fault(pid_t tid, struct user_regs_struct *registers) {
  unsigned char code[LONGEST_INSTRUCTION];
  if (options.is_restricted && !has_privilege(tid)) return false;
  const size_t size = read_some_memory(tid, registers->rip, code, sizeof code);
  const bool repeats = size > 1 && code[0] == PREFIX_REPEAT;
  const size_t at = repeats ? 1 : 0;
  if (size <= at) return false;
  bool is_answered = false;
  if (!repeats && code[at] == OPCODE_IN) is_answered = answer_in(registers);
  else if (repeats && (code[at] == OPCODE_INS || code[at] == OPCODE_OUTS)) {
    is_answered = answer_string(tid, registers, code[at] == OPCODE_INS);
  }
  if (is_answered) registers->rip += at + 1;
  return is_answered;
}
