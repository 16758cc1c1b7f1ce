/*
 * What dhcpcd calls for each of its events: it leaves what dhcpcd says, which is in its environment (dhcpcd-run-hooks(8)),
 * in a file for each interface and protocol, where the agent finds it. The file is the state: an agent that takes over
 * reads it as the one before has. Nothing is interpreted here; what servers say is not trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/run/tether/dhcp/"

/* Far above what a DHCP message of 1500 bytes becomes as text. */
#define MOST_BYTES 65536u

extern char **environ;

/* Of the link itself dhcpcd tells as well. */
static int is_wanted(const char *protocol) {
  return strcmp(protocol, "dhcp") == 0 || strcmp(protocol, "dhcp6") == 0;
}

static size_t gather(char *content) {
  size_t length = 0;
  for (char **variable = environ; *variable != NULL; variable++) {
    size_t size = strlen(*variable) + 1;
    if (length + size > MOST_BYTES) break;
    memcpy(content + length, *variable, size);
    length += size;
  }
  return length;
}

static int write_file(const char *path, const char *content, size_t length) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return -1;
  ssize_t written = write(file, content, length);
  close(file);
  return written == (ssize_t)length ? 0 : -1;
}

int main(void) {
  static char content[MOST_BYTES];
  char path[256], unfinished[256];
  const char *interface = getenv("interface"), *protocol = getenv("protocol");
  if (interface == NULL || protocol == NULL || !is_wanted(protocol)) return 0;
  if (strchr(interface, '/') != NULL) return 1;
  snprintf(path, sizeof path, FOLDER "leases/%s.%s", interface, protocol);
  /* Outside of the folder that the agent watches. */
  snprintf(unfinished, sizeof unfinished, FOLDER "%s.%s.new", interface, protocol);
  if (write_file(unfinished, content, gather(content)) != 0) return 1;
  return rename(unfinished, path) == 0 ? 0 : 1;
}
