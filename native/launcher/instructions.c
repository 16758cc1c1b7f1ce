/*
 * The agent's instructions: NUL-terminated records `key=value` in one buffer.
 *
 *   arg=S, env=S, group=N      repeated, in order; at least one arg; env is the complete environment
 *   cwd=PATH make-cwd=1        working directory; made with its parents, mode 0755, when it is missing
 *   uid=N gid=N                numbers
 *   tty=1                      descriptor 0 is the slave of a pty and becomes the controlling terminal
 *   umask=OCTAL
 *   rlimit=NAME:SOFT:HARD      repeated; names as prlimit(1) has them; numbers or "unlimited"
 *   capabilities=CAP_A,CAP_B   the bounding set, and for uid 0 the permitted and effective sets; ALL for all
 *   seccomp=default            Docker's profile for these capabilities
 *   seccomp=HEX                a filter of its own: the bytes of its struct sock_filter
 *   no-new-privileges=1  cgroup-namespace=1  oom-score-adj=N
 *
 * A key that is not here is an error, so that an agent and a launcher of different age notice.
 */
#include "launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel takes 2 MiB of arguments and environment by default, execve(2). */
#define LONGEST_INSTRUCTIONS (4u << 20)

static bool read_all(char **buffer, size_t *length) {
  size_t capacity = 0;
  *buffer = NULL;
  *length = 0;
  for (;;) {
    if (*length == capacity) {
      capacity = capacity == 0 ? 65536 : capacity * 2;
      char *larger = realloc(*buffer, capacity);
      if (larger == NULL) return false;
      *buffer = larger;
    }
    ssize_t more = read(INSTRUCTIONS_FD, *buffer + *length, capacity - *length);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return more == 0;
    *length += (size_t)more;
    if (*length > LONGEST_INSTRUCTIONS) {
      errno = E2BIG;
      return false;
    }
  }
}

static bool invalid(void) {
  errno = EINVAL;
  return false;
}

static bool parse_number(const char *text, int base, uint64_t most, uint64_t *number) {
  char *end;
  if (*text < '0' || *text > '9') return invalid(); /* strtoull takes spaces and signs */
  errno = 0;
  *number = strtoull(text, &end, base);
  return errno == 0 && *end == '\0' && *number <= most ? true : invalid();
}

static bool parse_id(const char *text, uint32_t *id) {
  uint64_t number;
  if (!parse_number(text, 10, NO_ID - 1, &number)) return false;
  *id = (uint32_t)number;
  return true;
}

static bool parse_flag(const char *text, bool *flag) {
  *flag = true;
  return strcmp(text, "1") == 0 ? true : invalid();
}

static bool parse_mode(const char *text, struct instructions *instructions) {
  uint64_t number;
  if (!parse_number(text, 8, 0777, &number)) return false;
  instructions->umask = (mode_t)number;
  instructions->has_umask = true;
  return true;
}

static bool parse_bound(char *text, rlim_t *bound) {
  uint64_t number;
  *bound = RLIM_INFINITY;
  if (strcmp(text, "unlimited") == 0) return true;
  if (!parse_number(text, 10, UINT64_MAX, &number)) return false;
  *bound = (rlim_t)number;
  return true;
}

static bool parse_limit(char *text, struct limit *limit) {
  char *soft = strchr(text, ':');
  char *hard = soft == NULL ? NULL : strchr(soft + 1, ':');
  if (hard == NULL) return invalid();
  limit->text = text;
  limit->resource = find_resource(text, (size_t)(soft - text));
  if (limit->resource < 0) return invalid();
  *hard = '\0';
  bool done = parse_bound(soft + 1, &limit->value.rlim_cur) && parse_bound(hard + 1, &limit->value.rlim_max);
  *hard = ':'; /* the record is shown when it is wrong */
  return done;
}

static bool parse_capabilities(const char *text, struct instructions *instructions) {
  instructions->has_capabilities = true;
  if (strcmp(text, "ALL") == 0) {
    instructions->capabilities = UINT64_MAX;
    return true;
  }
  while (*text != '\0') {
    size_t length = strcspn(text, ",");
    int number = find_capability(text, length);
    if (number < 0) return invalid();
    instructions->capabilities |= UINT64_C(1) << number;
    text += length;
    if (*text == ',') text++;
  }
  return true;
}

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool parse_program(const char *text, struct instructions *instructions) {
  size_t bytes = strlen(text) / 2;
  size_t steps = bytes / sizeof *instructions->program;
  if (steps == 0 || steps > BPF_MAXINSNS || strlen(text) != steps * sizeof *instructions->program * 2)
    return invalid();
  unsigned char *program = malloc(bytes);
  if (program == NULL) return false;
  for (size_t i = 0; i < bytes; i++) {
    int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return invalid();
    program[i] = (unsigned char)(high << 4 | low);
  }
  instructions->program = (struct sock_filter *)program;
  instructions->program_length = steps;
  return true;
}

static bool parse_seccomp(const char *text, struct instructions *instructions) {
  instructions->seccomp = true;
  return strcmp(text, "default") == 0 ? true : parse_program(text, instructions);
}

static bool parse_score(const char *text, struct instructions *instructions) {
  uint64_t number;
  instructions->oom_score_adj = text;
  return parse_number(*text == '-' ? text + 1 : text, 10, 1000, &number);
}

/* Where the repeated keys stand; the arrays are as long as there are records. */
struct counts {
  size_t args, environment;
};

static bool parse_record(const char *key, char *value, struct instructions *to, struct counts *counts) {
  if (strcmp(key, "arg") == 0) to->args[counts->args++] = value;
  else if (strcmp(key, "env") == 0) to->environment[counts->environment++] = value;
  else if (strcmp(key, "group") == 0) return parse_id(value, &to->groups[to->group_count++]);
  else if (strcmp(key, "rlimit") == 0) return parse_limit(value, &to->limits[to->limit_count++]);
  else if (strcmp(key, "cwd") == 0) to->cwd = value;
  else if (strcmp(key, "make-cwd") == 0) return parse_flag(value, &to->make_cwd);
  else if (strcmp(key, "uid") == 0) return parse_id(value, &to->uid);
  else if (strcmp(key, "gid") == 0) return parse_id(value, &to->gid);
  else if (strcmp(key, "tty") == 0) return parse_flag(value, &to->tty);
  else if (strcmp(key, "umask") == 0) return parse_mode(value, to);
  else if (strcmp(key, "capabilities") == 0) return parse_capabilities(value, to);
  else if (strcmp(key, "no-new-privileges") == 0) return parse_flag(value, &to->no_new_privileges);
  else if (strcmp(key, "seccomp") == 0) return parse_seccomp(value, to);
  else if (strcmp(key, "oom-score-adj") == 0) return parse_score(value, to);
  else if (strcmp(key, "cgroup-namespace") == 0) return parse_flag(value, &to->cgroup_namespace);
  else return invalid();
  return true;
}

static size_t count_records(const char *buffer, size_t length) {
  size_t records = 0;
  for (size_t i = 0; i < length; i++) records += buffer[i] == '\0';
  return records;
}

static bool allocate(struct instructions *instructions, size_t records) {
  instructions->args = calloc(records + 1, sizeof *instructions->args);
  instructions->environment = calloc(records + 1, sizeof *instructions->environment);
  instructions->groups = calloc(records + 1, sizeof *instructions->groups);
  instructions->limits = calloc(records + 1, sizeof *instructions->limits);
  return instructions->args != NULL && instructions->environment != NULL && instructions->groups != NULL &&
         instructions->limits != NULL;
}

bool read_instructions(struct instructions *instructions, const char **detail) {
  char *buffer;
  size_t length;
  if (!read_all(&buffer, &length)) return false;
  if (length > 0 && buffer[length - 1] != '\0') {
    *detail = "unterminated record";
    return invalid();
  }
  if (!allocate(instructions, count_records(buffer, length))) return false;

  struct counts counts = {0};
  for (char *record = buffer; record < buffer + length;) {
    char *next = record + strlen(record) + 1;
    char *equals = strchr(record, '=');
    *detail = record;
    if (equals == NULL) return invalid();
    *equals = '\0';
    bool done = parse_record(record, equals + 1, instructions, &counts);
    *equals = '=';
    if (!done) return false;
    record = next;
  }
  *detail = "no arg";
  return counts.args > 0 ? true : invalid();
}
