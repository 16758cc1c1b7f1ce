/* The names that instructions use for what the kernel numbers. */
#include "launcher.h"

#include <linux/capability.h>
#include <string.h>

struct name {
  const char *text;
  int number;
};

static const struct name RESOURCES[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},       {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},   {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

#define CAPABILITY(name) {#name, name}
static const struct name CAPABILITIES[] = {
    CAPABILITY(CAP_CHOWN),          CAPABILITY(CAP_DAC_OVERRIDE),   CAPABILITY(CAP_DAC_READ_SEARCH),
    CAPABILITY(CAP_FOWNER),         CAPABILITY(CAP_FSETID),         CAPABILITY(CAP_KILL),
    CAPABILITY(CAP_SETGID),         CAPABILITY(CAP_SETUID),         CAPABILITY(CAP_SETPCAP),
    CAPABILITY(CAP_LINUX_IMMUTABLE), CAPABILITY(CAP_NET_BIND_SERVICE), CAPABILITY(CAP_NET_BROADCAST),
    CAPABILITY(CAP_NET_ADMIN),      CAPABILITY(CAP_NET_RAW),        CAPABILITY(CAP_IPC_LOCK),
    CAPABILITY(CAP_IPC_OWNER),      CAPABILITY(CAP_SYS_MODULE),     CAPABILITY(CAP_SYS_RAWIO),
    CAPABILITY(CAP_SYS_CHROOT),     CAPABILITY(CAP_SYS_PTRACE),     CAPABILITY(CAP_SYS_PACCT),
    CAPABILITY(CAP_SYS_ADMIN),      CAPABILITY(CAP_SYS_BOOT),       CAPABILITY(CAP_SYS_NICE),
    CAPABILITY(CAP_SYS_RESOURCE),   CAPABILITY(CAP_SYS_TIME),       CAPABILITY(CAP_SYS_TTY_CONFIG),
    CAPABILITY(CAP_MKNOD),          CAPABILITY(CAP_LEASE),          CAPABILITY(CAP_AUDIT_WRITE),
    CAPABILITY(CAP_AUDIT_CONTROL),  CAPABILITY(CAP_SETFCAP),        CAPABILITY(CAP_MAC_OVERRIDE),
    CAPABILITY(CAP_MAC_ADMIN),      CAPABILITY(CAP_SYSLOG),         CAPABILITY(CAP_WAKE_ALARM),
    CAPABILITY(CAP_BLOCK_SUSPEND),  CAPABILITY(CAP_AUDIT_READ),     CAPABILITY(CAP_PERFMON),
    CAPABILITY(CAP_BPF),            CAPABILITY(CAP_CHECKPOINT_RESTORE),
};

static int find(const struct name *names, size_t count, const char *text, size_t length) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(names[i].text) == length && memcmp(names[i].text, text, length) == 0) return names[i].number;
  }
  return -1;
}

int find_resource(const char *name, size_t length) {
  return find(RESOURCES, sizeof RESOURCES / sizeof RESOURCES[0], name, length);
}

int find_capability(const char *name, size_t length) {
  return find(CAPABILITIES, sizeof CAPABILITIES / sizeof CAPABILITIES[0], name, length);
}
