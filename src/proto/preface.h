/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_PREFACE_H
#define LARDER_PROTO_PREFACE_H

#include "base/slice.h"

/* Which protocol a connection speaks, from its first bytes. */
enum preface {
    PREFACE_UNKNOWN, /* more bytes are needed */
    PREFACE_MEMCACHED,
    PREFACE_HTTP1,
    PREFACE_HTTP2,            /* "PRI * HTTP/2.0" */
    PREFACE_MEMCACHED_BINARY, /* 0x80, and the whole header is there */
};

/* An upper-case word and " /" or " http://" is HTTP/1, and so is "OPTIONS *"; "PRI *" is HTTP/2, the byte 0x80 memcached's
 * binary protocol, and everything else memcached. */
enum preface preface_detect(struct slice start);

enum { PREFACE_BINARY_HEADER = 24 };

/* To the binary protocol: the response "unknown command" to the request whose header (PREFACE_BINARY_HEADER bytes) begins
 * `header`. Writes it to `ret_bytes` and returns its size. */
size_t preface_refuse_binary(struct slice header, char ret_bytes[64]);

#endif
