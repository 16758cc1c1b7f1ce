/*
 * A client of VMware's libvmtools, to be measured against: guestinfo KEY TIMES prints how many milliseconds so many
 * requests took, on one channel that stays open, which is the fastest that the library can do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* open-vm-tools, lib/include/rpcout.h and vmcheck.h; the library exports them without headers. */
typedef struct RpcOut RpcOut;
RpcOut *RpcOut_Construct(void);
void RpcOut_Destruct(RpcOut *out);
char RpcOut_start(RpcOut *out);
char RpcOut_send(RpcOut *out, const char *request, size_t size, char *status, const char **reply, size_t *reply_size);
char RpcOut_stop(RpcOut *out);
char VmCheck_IsVirtualWorld(void);

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  char request[256], status;
  const char *reply;
  size_t size;
  if (argc != 3 || !VmCheck_IsVirtualWorld()) return 2;
  snprintf(request, sizeof request, "info-get %s", argv[1]);
  RpcOut *out = RpcOut_Construct();
  if (!RpcOut_start(out)) return 3;
  const double start = now_ms();
  for (int i = atoi(argv[2]); i > 0; i--) {
    if (!RpcOut_send(out, request, strlen(request), &status, &reply, &size) || !status) return 4;
  }
  printf("%f\n", now_ms() - start);
  RpcOut_stop(out);
  RpcOut_Destruct(out);
  return 0;
}
