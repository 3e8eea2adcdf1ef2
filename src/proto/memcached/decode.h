/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_DECODE_H
#define LARDER_PROTO_MEMCACHED_DECODE_H

#include "proto/memcached/command.h"

/* Between the files of the decoder: each reads the tokens after the command word, whose number has been checked. */
typedef void mc_decoder(struct slice rest, struct mc_command *command);

mc_decoder mc_decode_get;
mc_decoder mc_decode_store;
mc_decoder mc_decode_arith;
mc_decoder mc_decode_touch;
mc_decoder mc_decode_delete;
mc_decoder mc_decode_flush;
mc_decoder mc_decode_verbosity;
mc_decoder mc_decode_shutdown;
mc_decoder mc_decode_meta_debug;
mc_decoder mc_decode_meta;

/* Everything but the buffers at its end. */
static inline void mc_command_clear(struct mc_command *command) {
    memset(command, 0, offsetof(struct mc_command, decoded_key));
}

/* Answers the command with `line`. */
static inline void mc_fail(struct mc_command *command, struct slice line) {
    command->form = MC_FORM_ERROR;
    command->error = line;
}

#endif
