/* A recorder's rows: one reading as what is different to the one before. */
#include "recorder.h"

#include <string.h>

/* Beyond that a run of digits is text: its value would not fit. */
#define MOST_DIGITS 18

static void put(struct row *row, const void *bytes, size_t length) {
  memcpy(row->bytes + row->length, bytes, length);
  row->length += length;
}

static void put_varint(struct row *row, uint64_t value) {
  while (value >= 0x80) {
    row->bytes[row->length++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  row->bytes[row->length++] = (uint8_t)value;
}

static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

struct cursor {
  const uint8_t *at;
  const uint8_t *end;
};

/* Zeros in front of others would be lost: such a run is text. @return its digits, 0 for none. */
static size_t number_at(struct cursor cursor, int64_t *value) {
  size_t digits = 0;
  *value = 0;
  while (cursor.at + digits < cursor.end && is_digit(cursor.at[digits])) {
    if (digits == MOST_DIGITS) return 0;
    *value = *value * 10 + (cursor.at[digits++] - '0');
  }
  return digits > 1 && cursor.at[0] == '0' ? 0 : digits;
}

static size_t text_run(struct cursor cursor) {
  size_t digits = 0;
  while (cursor.at + digits < cursor.end && is_digit(cursor.at[digits])) digits++;
  return digits > 0 ? digits : 1;
}

/* Past what is the same text in both. @return false when they are different. */
static bool pass_text(struct cursor *before, struct cursor *now) {
  size_t length = text_run(*now);
  if (text_run(*before) != length || memcmp(before->at, now->at, length) != 0) return false;
  before->at += length;
  now->at += length;
  return true;
}

/* @return false when more than numbers is different; the row is then not what it has to be. */
static bool put_numbers(struct row *row, struct cursor before, struct cursor now) {
  uint64_t skipped = 0;
  while (before.at < before.end && now.at < now.end) {
    int64_t old_value, value;
    size_t old_digits = number_at(before, &old_value), digits = number_at(now, &value);
    if ((old_digits == 0) != (digits == 0)) return false;
    if (digits == 0) {
      if (!pass_text(&before, &now)) return false;
      continue;
    }
    before.at += old_digits;
    now.at += digits;
    int64_t difference = value - old_value;
    if (difference == 0) {
      skipped++;
      continue;
    }
    put_varint(row, ((uint64_t)difference << 1) ^ (uint64_t)(difference >> 63));
    put_varint(row, skipped);
    skipped = 0;
  }
  put_varint(row, 0);
  return before.at == before.end && now.at == now.end;
}

static struct cursor cursor_of(const struct reading *reading, size_t index) {
  const struct text *text = &reading->texts[index];
  const uint8_t *start = reading->area + text->offset;
  return (struct cursor){start, start + text->length};
}

static void put_text(struct row *row, struct cursor text) {
  size_t length = (size_t)(text.end - text.at);
  put_varint(row, OTHER_TEXT);
  put_varint(row, length);
  put(row, text.at, length);
}

static bool is_same(const struct reading *before, const struct reading *now, size_t index) {
  int32_t length = now->texts[index].length;
  if (before->texts[index].length != length) return false;
  return length <= 0 || memcmp(cursor_of(before, index).at, cursor_of(now, index).at, (size_t)length) == 0;
}

static void put_entry(struct row *row, const struct reading *before, const struct reading *now, size_t index) {
  int32_t length = now->texts[index].length;
  if (before != NULL && is_same(before, now, index)) {
    put_varint(row, SAME);
  } else if (length < 0) {
    put_varint(row, FAILED);
    put_varint(row, (uint64_t)-length);
  } else {
    size_t start = row->length;
    put_varint(row, OTHER_NUMBERS);
    bool has_before = before != NULL && before->texts[index].length >= 0;
    if (has_before && put_numbers(row, cursor_of(before, index), cursor_of(now, index))) return;
    row->length = start;
    put_text(row, cursor_of(now, index));
  }
}

void encode_row(struct row *row, const struct reading *before, const struct reading *now, size_t count,
                const struct description *description) {
  row->length = sizeof(uint32_t);
  row->bytes[row->length++] = before == NULL ? FULL_ROW : DIFFERENCE_ROW;
  put(row, &now->monotonic_us, sizeof now->monotonic_us);
  put(row, &now->wall_us, sizeof now->wall_us);
  if (before == NULL) {
    put_varint(row, description->length);
    put(row, description->bytes, description->length);
  }
  for (size_t index = 0; index < count; index++) put_entry(row, before, now, index);
  uint32_t payload = (uint32_t)(row->length - sizeof payload);
  memcpy(row->bytes, &payload, sizeof payload);
}

/* Of a row in the ring. */
struct row_head {
  uint32_t payload;
  uint8_t kind;
  int64_t monotonic_us;
};

static struct row_head head_at(const struct ring *ring, uint64_t offset) {
  const uint8_t *bytes = ring->data + offset % ring->capacity;
  struct row_head head = {.kind = bytes[sizeof(uint32_t)]};
  memcpy(&head.payload, bytes, sizeof head.payload);
  memcpy(&head.monotonic_us, bytes + sizeof head.payload + 1, sizeof head.monotonic_us);
  return head;
}

/* The first full row behind the oldest one; the ring's head when there is none. */
static uint64_t next_full(const struct ring *ring) {
  uint64_t head = ring->header->head, at = ring->header->start;
  while (at < head) {
    at += sizeof(uint32_t) + head_at(ring, at).payload;
    if (at < head && head_at(ring, at).kind == FULL_ROW) return at;
  }
  return head;
}

/* Rows whose last one is older than that. */
static void forget_old(struct ring *ring, int64_t oldest_us) {
  for (;;) {
    uint64_t next = next_full(ring);
    if (next >= ring->header->head || head_at(ring, next).monotonic_us >= oldest_us) return;
    ring->header->start = next;
  }
}

bool append_row(struct ring *ring, const struct row *row, int64_t keep_us) {
  struct ring_header *header = ring->header;
  bool is_full = row->bytes[sizeof(uint32_t)] == FULL_ROW;
  int64_t now_us;
  memcpy(&now_us, row->bytes + sizeof(uint32_t) + 1, sizeof now_us);
  if (row->length > ring->capacity) return false;
  forget_old(ring, now_us - keep_us);
  while (header->head - header->start + row->length > ring->capacity) {
    uint64_t next = next_full(ring);
    if (next == header->head && !is_full) return false;
    header->start = next;
  }
  memcpy(ring->data + header->head % ring->capacity, row->bytes, row->length);
  header->head = header->head + row->length;
  return true;
}
