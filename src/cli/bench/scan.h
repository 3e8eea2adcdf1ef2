/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SCAN_H
#define LARDER_CLI_BENCH_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/memcached/response.h"

enum { SCAN_LINE_MAX = 512 /* bytes of an answer's line; a key of 250 bytes and its numbers fit */ };

/* A line that was decoded, to know the next one like it without decoding: equal but for the key. */
struct scan_pattern {
    struct mc_response answer; /* without slices */
    size_t size;               /* of the line with its LF; 0: no pattern yet */
    size_t key_at;             /* the key stands from here */
    size_t key_end;
    char line[SCAN_LINE_MAX];
};

/* The latest line with a value and the latest without: under load nearly all answers are one or the other. Scanners of
 * one thread share it. */
struct scan_memory {
    struct scan_pattern with_value;
    struct scan_pattern bare;
};

/* Walks over answers as they arrive in pieces, without keeping values: they are skipped by their length, and the CRLF
 * behind each is checked. */
struct scanner {
    struct scan_memory *memory;
    struct mc_response value; /* the answer whose value is being skipped; without its slices */
    size_t skip;              /* bytes of value and CRLF still to come */
    size_t line_size;
    char line[SCAN_LINE_MAX]; /* the beginning of a line that came in pieces */
};

/* Called for each answer once all its bytes have arrived. The slices of an answer with a value are empty, but its size
 * is there; those of errors are valid during the call. Anything but OK ends scan_feed with that error. */
typedef enum larder_error scan_fn(void *ctx, const struct mc_response *answer);

/* `memory`, zeroed before its first use, must outlive the scanner. */
void scan_init(struct scanner *s, struct scan_memory *memory);

/* Errors: PROTOCOL, and whatever on_answer returns. The scanner is of no use after an error. */
enum larder_error scan_feed(struct scanner *s, const char *data, size_t size, scan_fn *on_answer, void *ctx);

#endif
