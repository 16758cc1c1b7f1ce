/* What a VM that was forked from a template must renew before anything secret is made: randomness and time. */
#include "arguments.h"
#include "calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LARGEST_SEED 512

struct pool {
  int entropy_count; /* bits */
  int buf_size;      /* bytes */
  uint8_t buf[LARGEST_SEED];
};

/* random(4): the bytes enter the pool as full entropy, and the generator takes a new key from it. */
static const char *seed_kernel(const uint8_t *seed, size_t length) {
  int device = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (device < 0) return "open";
  struct pool pool = {.entropy_count = (int)length * 8, .buf_size = (int)length};
  memcpy(pool.buf, seed, length);
  const char *failed = NULL;
  if (ioctl(device, RNDADDENTROPY, &pool) != 0) failed = "ioctl RNDADDENTROPY";
  else if (ioctl(device, RNDRESEEDCRNG) != 0) failed = "ioctl RNDRESEEDCRNG";
  int reason = errno;
  explicit_bzero(&pool, sizeof pool);
  close(device);
  errno = reason;
  return failed;
}

/*
 * OpenSSL keeps generators of its own. RAND_poll(3) reseeds the first of them from the kernel; the others see
 * that at their next use (EVP_RAND(7), "reseeding"). It is Node's OpenSSL, found among the program's symbols.
 */
static bool seed_openssl(void) {
  int (*poll)(void) = NULL;
  *(void **)&poll = dlsym(RTLD_DEFAULT, "RAND_poll");
  return poll != NULL && poll() == 1;
}

/** Reseeds the kernel's and OpenSSL's generators: (seed), a Uint8Array of 32 to 512 random bytes. */
napi_value call_seed_random(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void *data = NULL;
  napi_is_typedarray(env, argv[0], &is_array);
  if (is_array) napi_get_typedarray_info(env, argv[0], &type, &length, &data, NULL, NULL);
  if (type != napi_uint8_array || length < 32 || length > LARGEST_SEED) {
    return throw_type_error(env, "seed", "a Uint8Array of 32 to 512 bytes");
  }
  const char *failed = seed_kernel(data, length);
  if (failed != NULL) return throw_errno(env, errno, failed, "/dev/urandom");
  if (!seed_openssl()) return throw_errno(env, ENOSYS, "RAND_poll", NULL);
  return NULL;
}

/** clock_settime(2) on CLOCK_REALTIME: (milliseconds since 1970). */
napi_value call_set_clock(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int64_t milliseconds;
  if (!read_integer(env, argv[0], "milliseconds", 0, INT64_C(1) << 52, &milliseconds)) return NULL;
  struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
  if (clock_settime(CLOCK_REALTIME, &time) != 0) return throw_errno(env, errno, "clock_settime", NULL);
  return NULL;
}
