/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * SHA-256 (FIPS 180-4), for names of chains and sets that are derived from their content. It is
 * cryptographic because the authors of policies choose the content: with a weaker hash two policies
 * could be made to collide, and one would be enforced in place of the other.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct Digest {
	uint32_t state[8];
	uint8_t block[64];
	uint64_t n; /* bytes added so far */
} Digest;

void digest_start(Digest *digest);
void digest_add(Digest *digest, const void *data, size_t n);
/* Adds the length first, so that "a", "bc" and "ab", "c" differ. */
void digest_add_text(Digest *digest, const char *text);
/* A digest is ended once. */
void digest_end(Digest *digest, uint8_t ret_hash[32]);
/* The first 96 bits in hex: the last part of a chain's or set's name. */
#define DIGEST_NAME_LENGTH 24
void digest_end_name(Digest *digest, char ret_name[DIGEST_NAME_LENGTH + 1]);
