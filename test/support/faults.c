/* Real faults, for crash-faults.test.ts: an addon with a function for each. */
#include <dirent.h>
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef napi_value call(napi_env env, napi_callback_info info);

static volatile int zero;
static char *volatile nowhere;

static void *write_nowhere(void *delay) {
  if (delay != NULL) usleep(1000);
  *nowhere = 1;
  return NULL;
}

static napi_value segmentation(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  return write_nowhere(NULL);
}

static napi_value division(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  zero = 7 / zero;
  return NULL;
}

static napi_value instruction(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  __asm__ volatile("ud2");
  return NULL;
}

static napi_value breakpoint(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  __asm__ volatile("int3");
  return NULL;
}

static napi_value bus(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  int file = memfd_create("empty", 0);
  volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
  zero = page[0];
  return NULL;
}

static int recurse(volatile char *above) {
  volatile char frame[4096];
  frame[0] = above[0];
  return recurse(frame) + frame[0];
}

static napi_value overflow(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  char start = 1;
  zero = recurse(&start);
  return NULL;
}

static napi_value thread(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  pthread_t other;
  pthread_create(&other, NULL, write_nowhere, NULL);
  pthread_join(other, NULL);
  return NULL;
}

/* Some time later, while the main thread does something else. */
static napi_value delayed(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  static pthread_t other;
  pthread_create(&other, NULL, write_nowhere, &other);
  return NULL;
}

/* As near to the same moment as can be, and the main thread as well. */
static napi_value threads(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  pthread_t other;
  for (int i = 0; i < 8; i++) pthread_create(&other, NULL, write_nowhere, &other);
  usleep(1000);
  return write_nowhere(NULL);
}

static ino_t mount_namespace_of(const char *thread) {
  char path[300];
  struct stat status;
  snprintf(path, sizeof path, "/proc/self/task/%s/ns/mnt", thread);
  return stat(path, &status) == 0 ? status.st_ino : 0;
}

/* 0 where there is none. */
static pid_t find_thread_elsewhere(ino_t here) {
  pid_t result = 0;
  DIR *threads = opendir("/proc/self/task");
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    ino_t there = entry->d_name[0] == '.' ? 0 : mount_namespace_of(entry->d_name);
    if (there != 0 && there != here) result = atoi(entry->d_name);
  }
  closedir(threads);
  return result;
}

static void *hit_thread_elsewhere(void *signal) {
  char self[16];
  snprintf(self, sizeof self, "%d", getpid());
  ino_t here = mount_namespace_of(self);
  pid_t thread;
  while ((thread = find_thread_elsewhere(here)) == 0) continue;
  syscall(SYS_tgkill, getpid(), thread, (int)(intptr_t)signal);
  return NULL;
}

/* As soon as a thread has a mount namespace of its own, it gets SIGSEGV, as abort(3) would send it. */
static napi_value elsewhere(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  pthread_t other;
  pthread_create(&other, NULL, hit_thread_elsewhere, (void *)(intptr_t)SIGSEGV);
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    call *call;
  } functions[] = {
      {"segmentation", segmentation}, {"division", division}, {"instruction", instruction},
      {"breakpoint", breakpoint},     {"bus", bus},           {"overflow", overflow},
      {"thread", thread},             {"threads", threads},
      {"delayed", delayed},           {"elsewhere", elsewhere},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
