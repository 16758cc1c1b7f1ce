#include "stage0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* First guess of a file's size: modalias files and command lines are smaller, the alias table is not. */
#define FIRST_ROOM 4096

char *read_text(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  size_t length = 0, room = FIRST_ROOM;
  char *text = malloc(room);
  while (text != NULL) {
    ssize_t more = read(file, text + length, room - 1 - length);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) {
      free(text);
      text = NULL;
      break;
    }
    length += (size_t)more;
    text[length] = '\0';
    if (more == 0) break;
    if (length + 1 < room) continue;
    room *= 2;
    char *larger = realloc(text, room);
    if (larger == NULL) free(text);
    text = larger;
  }
  int reason = errno;
  close(file);
  errno = reason;
  return text;
}

void for_each_entry(const char *path, void (*visit)(const char *name, void *context), void *context) {
  DIR *directory = opendir(path);
  if (directory == NULL) return;
  for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    visit(entry->d_name, context);
  }
  closedir(directory);
}
