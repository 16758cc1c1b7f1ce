/*
 * SSH's binary packets under AES-GCM (RFC 5647), sealed and opened in place, each in one call. It is Node's own
 * OpenSSL, whose functions the executable exports.
 */
#include "arguments.h"
#include "calls.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* RFC 5647 section 7: a packet is its length, which is only authenticated, the encrypted body, and the tag. */
#define LENGTH_BYTES 4u
#define TAG_BYTES 16u
#define BLOCK_BYTES 16u
#define KEY_BYTES 16u
#define IV_BYTES 12u
/* Of the IV: the last eight count packets (section 7.1). */
#define FIXED_BYTES 4u
/* RFC 4253 section 6: padding length, and at least so much padding. */
#define LEAST_PADDING 4u

struct packet_cipher {
  EVP_CIPHER_CTX *context;
  uint8_t iv[IV_BYTES];
};

static void drop_cipher(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct packet_cipher *cipher = data;
  /* Clears the key. */
  EVP_CIPHER_CTX_free(cipher->context);
  free(cipher);
}

static bool read_octets(napi_env env, napi_value value, const char *name, uint8_t **octets, size_t *length) {
  bool is_array = false;
  napi_typedarray_type type = napi_int8_array;
  napi_is_typedarray(env, value, &is_array);
  if (is_array) napi_get_typedarray_info(env, value, &type, length, (void **)octets, NULL, NULL);
  if (is_array && type == napi_uint8_array) return true;
  throw_type_error(env, name, "a Uint8Array");
  return false;
}

/**
 * A cipher for the packets of one direction of a connection: (key, iv), 16 and 12 bytes, gives a handle. Either
 * sealPacket or openPacket is for it, never both.
 */
napi_value call_make_packet_cipher(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  uint8_t *key, *iv;
  size_t key_length, iv_length;
  if (!read_octets(env, argv[0], "key", &key, &key_length)) return NULL;
  if (!read_octets(env, argv[1], "iv", &iv, &iv_length)) return NULL;
  if (key_length != KEY_BYTES) return throw_type_error(env, "key", "16 bytes");
  if (iv_length != IV_BYTES) return throw_type_error(env, "iv", "12 bytes");
  struct packet_cipher *cipher = calloc(1, sizeof *cipher);
  if (cipher == NULL) return throw_errno(env, ENOMEM, "malloc", NULL);
  memcpy(cipher->iv, iv, IV_BYTES);
  cipher->context = EVP_CIPHER_CTX_new();
  /* The direction is set with each packet's IV; GCM's key schedule is the same for both. */
  if (cipher->context == NULL || EVP_CipherInit_ex(cipher->context, EVP_aes_128_gcm(), NULL, key, NULL, 1) != 1) {
    drop_cipher(env, cipher, NULL);
    return throw_errno(env, ENOMEM, "EVP_CipherInit_ex", NULL);
  }
  napi_value handle = NULL;
  if (napi_create_external(env, cipher, drop_cipher, NULL, &handle) != napi_ok) drop_cipher(env, cipher, NULL);
  return handle;
}

static struct packet_cipher *read_cipher(napi_env env, napi_value handle) {
  void *data;
  if (napi_get_value_external(env, handle, &data) == napi_ok) return data;
  throw_type_error(env, "handle", "what makePacketCipher returned");
  return NULL;
}

/* RFC 5647 section 7.1: the invocation counter is a big-endian number, one higher for each packet. */
static void count_packet(uint8_t *iv) {
  for (size_t i = IV_BYTES; i-- > FIXED_BYTES;) {
    if (++iv[i] != 0) return;
  }
}

/* Everything but the tag; `body` is changed in place. */
static bool transform(struct packet_cipher *cipher, const uint8_t *length, uint8_t *body, size_t body_length,
                      int is_sealing) {
  int done;
  return EVP_CipherInit_ex(cipher->context, NULL, NULL, NULL, cipher->iv, is_sealing) == 1 &&
         EVP_CipherUpdate(cipher->context, NULL, &done, length, LENGTH_BYTES) == 1 &&
         EVP_CipherUpdate(cipher->context, body, &done, body, (int)body_length) == 1;
}

static bool finish(struct packet_cipher *cipher, uint8_t *rest) {
  int done;
  return EVP_CipherFinal_ex(cipher->context, rest, &done) == 1;
}

/**
 * Seals a packet in place: (handle, packet). The packet has its length field, the padding's length, the payload, and
 * room for the padding, which is filled here, and for the tag.
 */
napi_value call_seal_packet(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  struct packet_cipher *cipher = read_cipher(env, argv[0]);
  if (cipher == NULL) return NULL;
  uint8_t *packet;
  size_t length;
  if (!read_octets(env, argv[1], "packet", &packet, &length)) return NULL;
  if (length < LENGTH_BYTES + BLOCK_BYTES + TAG_BYTES) return throw_type_error(env, "packet", "36 bytes at least");
  uint8_t *body = packet + LENGTH_BYTES, *tag = packet + length - TAG_BYTES;
  size_t body_length = length - LENGTH_BYTES - TAG_BYTES, padding = body[0];
  if (body_length > INT32_MAX || padding < LEAST_PADDING || padding >= body_length) {
    return throw_type_error(env, "packet", "a packet with padding");
  }
  if (RAND_bytes(tag - padding, (int)padding) != 1 || !transform(cipher, packet, body, body_length, 1) ||
      !finish(cipher, tag) || EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) != 1) {
    return throw_errno(env, EIO, "EVP_EncryptFinal_ex", NULL);
  }
  count_packet(cipher->iv);
  return NULL;
}

/**
 * Opens a packet in place: (handle, length field, body, tag) gives whether it is genuine. One
 * that is not must not be looked at.
 */
napi_value call_open_packet(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  struct packet_cipher *cipher = read_cipher(env, argv[0]);
  if (cipher == NULL) return NULL;
  int64_t length;
  uint8_t *body, *tag;
  size_t body_length, tag_length;
  if (!read_integer(env, argv[1], "length", 0, UINT32_MAX, &length)) return NULL;
  if (!read_octets(env, argv[2], "body", &body, &body_length)) return NULL;
  if (!read_octets(env, argv[3], "tag", &tag, &tag_length)) return NULL;
  if (body_length > INT32_MAX) return throw_type_error(env, "body", "at most 2 GiB");
  if (tag_length != TAG_BYTES) return throw_type_error(env, "tag", "16 bytes");
  uint8_t rest[BLOCK_BYTES];
  uint8_t field[LENGTH_BYTES] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                                 (uint8_t)length};
  bool is_genuine = transform(cipher, field, body, body_length, 0) &&
                    EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
                    finish(cipher, rest);
  count_packet(cipher->iv);
  napi_value result;
  napi_get_boolean(env, is_genuine, &result);
  return result;
}
