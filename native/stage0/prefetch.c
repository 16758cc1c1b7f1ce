#include "stage0.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void prefetch_agent(void) {
  char *text = read_text(AGENT_MOUNT "/prefetch");
  if (text == NULL) return;
  int file = open(AGENT_MOUNT "/tether", O_RDONLY | O_CLOEXEC);
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line != NULL && file >= 0; line = strsep(&rest, "\n")) {
    char *end;
    unsigned long long offset = strtoull(line, &end, 10);
    unsigned long long length = strtoull(end, NULL, 10);
    /* A hint: what cannot be read ahead is read when it is needed. */
    if (length > 0) readahead(file, (off_t)offset, (size_t)length);
  }
  if (file >= 0) close(file);
  free(text);
  say_detail("prefetched");
}

void stop_read_ahead(void) {
  struct stat image;
  char path[PATH_ROOM];
  if (stat(AGENT_MOUNT, &image) != 0) return;
  snprintf(path, sizeof path, "/sys/dev/block/%u:%u/queue/read_ahead_kb", major(image.st_dev), minor(image.st_dev));
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, "0", 1) != 1) fail("%s cannot be written", path);
  close(file);
}
