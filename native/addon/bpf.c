#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <signal.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load_device_program(const void *instructions, size_t length) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes); /* the padding too: the kernel looks at it */
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uint64_t)(uintptr_t)instructions;
  attributes.insn_cnt = (uint32_t)(length / sizeof(struct bpf_insn));
  attributes.license = (uint64_t)(uintptr_t) "";
  /* The verifier gives up, with EAGAIN, when a signal waits for the thread. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int program = bpf(BPF_PROG_LOAD, &attributes);
  int reason = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = reason;
  return program;
}

/** bpf(2) BPF_PROG_LOAD and BPF_PROG_ATTACH in place of the last one: (cgroup, instructions). */
napi_value call_attach_device_program(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int cgroup;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = NULL;
  bool is_array = false;
  if (!read_descriptor(env, argv[0], "cgroup", &cgroup)) return NULL;
  napi_is_typedarray(env, argv[1], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[1], &type, &length, &data, NULL, NULL);
  if (!is_array || type != napi_uint8_array) return throw_type_error(env, "program", "a Uint8Array");

  int program = load_device_program(data, length);
  if (program < 0) return throw_errno(env, errno, "bpf BPF_PROG_LOAD", NULL);
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)cgroup;
  attributes.attach_bpf_fd = (uint32_t)program;
  attributes.attach_type = BPF_CGROUP_DEVICE;
  int result = bpf(BPF_PROG_ATTACH, &attributes);
  int reason = errno;
  close(program);
  return result == 0 ? NULL : throw_errno(env, reason, "bpf BPF_PROG_ATTACH", NULL);
}
