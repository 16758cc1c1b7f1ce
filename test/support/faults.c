/* Real faults, for crash-faults.test.ts: an addon with a function for each. */
#include <node_api.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
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

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    call *call;
  } functions[] = {
      {"segmentation", segmentation}, {"division", division}, {"instruction", instruction},
      {"breakpoint", breakpoint},     {"bus", bus},           {"overflow", overflow},
      {"thread", thread},             {"threads", threads},
      {"delayed", delayed},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
