/* The walk from a file's text before to its text now, from one difference to the next. */
#include "followed-numbers.h"

#include <string.h>

/* Beyond 2^53 a number is not exact: 15 digits are always below. */
#define MOST_DIGITS 15
#define DECIMALS 2

struct walk {
  struct bytes before, now;
  size_t old_at, at;       /* of both: what is before is the same, or numbers */
  size_t old_floor, floor; /* the end of the last number */
  size_t row;              /* the next wanted number */
};

/* Digits with what points there are between them. */
struct token {
  size_t at, end;
  bool is_spaced; /* there are spaces in front of it */
};

static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }
static bool is_part(uint8_t byte) { return is_digit(byte) || byte == '.'; }
static bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t'; }

/* Columns are filled up with spaces in front: a number that gains a digit takes one of them. */
static bool token_from(struct bytes text, size_t at, struct token *token) {
  size_t start = at;
  while (at < text.length && is_space(text.start[at])) at++;
  token->is_spaced = at > start;
  token->at = at;
  while (at < text.length && is_part(text.start[at])) at++;
  token->end = at;
  return token->end > token->at && is_digit(text.start[token->at]);
}

/* Only what stands alone is a number: `eth0`, `253:0` and `1:` are names, and another name is another device. */
static bool stands_alone(struct bytes text, struct token token) {
  if (token.at > 0) {
    uint8_t byte = text.start[token.at - 1];
    if (!is_space(byte) && byte != '=' && byte != '/') return false;
  }
  if (token.end == text.length) return true;
  uint8_t byte = text.start[token.end];
  return is_space(byte) || byte == '\n' || byte == '/';
}

static void pass_same_text(struct walk *walk) {
  const uint8_t *old = walk->before.start, *now = walk->now.start;
  size_t old_length = walk->before.length, length = walk->now.length;
  uint64_t one, other;
  while (walk->old_at + sizeof one <= old_length && walk->at + sizeof one <= length) {
    memcpy(&one, old + walk->old_at, sizeof one);
    memcpy(&other, now + walk->at, sizeof other);
    if (one != other) break;
    walk->old_at += sizeof one;
    walk->at += sizeof one;
  }
  while (walk->old_at < old_length && walk->at < length && old[walk->old_at] == now[walk->at]) {
    walk->old_at++;
    walk->at++;
  }
}

/* To where the number that is different may begin, with the spaces in front of it. What is passed is the same in both. */
static void step_back(struct walk *walk) {
  size_t steps = 0, most = walk->at - walk->floor;
  size_t old_most = walk->old_at - walk->old_floor;
  if (old_most < most) most = old_most;
  const uint8_t *end = walk->now.start + walk->at;
  while (steps < most && is_part(end[-1 - (ptrdiff_t)steps])) steps++;
  while (steps < most && is_space(end[-1 - (ptrdiff_t)steps])) steps++;
  walk->old_at -= steps;
  walk->at -= steps;
}

static int32_t *row_at(struct followed *followed, size_t row) { return followed->rows + row * NUMBER_FIELDS; }

/* Those in front of a place have moved as far as the text that they are in. */
static void move_rows(struct followed *followed, struct walk *walk, size_t old_end) {
  int32_t moved = (int32_t)((int64_t)walk->at - (int64_t)walk->old_at);
  for (; walk->row < followed->count; walk->row++) {
    int32_t *row = row_at(followed, walk->row);
    if ((size_t)row[NUMBER_AT] >= old_end) return;
    row[NUMBER_AT] += moved;
  }
}

/* @return false for one that has more digits than are exact, or other decimals than it had. */
static bool parse(struct bytes text, struct token token, const int32_t *row, double *value) {
  size_t whole_end = token.end;
  if (row[NUMBER_DECIMALS] == DECIMALS) {
    if (token.end - token.at < DECIMALS + 2 || text.start[token.end - DECIMALS - 1] != '.') return false;
    whole_end = token.end - DECIMALS - 1;
  }
  if (token.end - token.at > MOST_DIGITS) return false;
  int64_t number = 0;
  for (size_t at = token.at; at < token.end; at++) {
    if (at == whole_end) continue;
    if (!is_digit(text.start[at])) return false;
    number = number * 10 + (text.start[at] - '0');
  }
  *value = (double)number * row[NUMBER_SCALE];
  return true;
}

/* @return false when it is no number that stands alone in both. */
static bool take_number(struct followed *followed, struct walk *walk) {
  struct token old, token;
  if (!token_from(walk->before, walk->old_at, &old) || !token_from(walk->now, walk->at, &token)) return false;
  if (!stands_alone(walk->before, old) || !stands_alone(walk->now, token)) return false;
  if (old.is_spaced != token.is_spaced) return false;
  move_rows(followed, walk, old.at);
  if (walk->row < followed->count && (size_t)row_at(followed, walk->row)[NUMBER_AT] == old.at) {
    size_t index = followed->first + walk->row;
    int32_t *row = row_at(followed, walk->row++);
    if (!parse(walk->now, token, row, &followed->values[index])) return false;
    row[NUMBER_AT] = (int32_t)token.at;
    followed->changed[++followed->changed[0]] = (int32_t)index;
  }
  walk->old_at = walk->old_floor = old.end;
  walk->at = walk->floor = token.end;
  return true;
}

bool follow_numbers(struct followed *followed, struct bytes before, struct bytes now) {
  int32_t told = followed->changed[0];
  struct walk walk = {.before = before, .now = now};
  for (;;) {
    pass_same_text(&walk);
    if (walk.old_at == before.length && walk.at == now.length) break;
    step_back(&walk);
    if (!take_number(followed, &walk)) {
      followed->changed[0] = told;
      return false;
    }
  }
  move_rows(followed, &walk, before.length);
  return true;
}
