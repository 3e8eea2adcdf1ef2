/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_ERROR_LINE_H
#define LARDER_PROTO_MEMCACHED_ERROR_LINE_H

#include "model/reply.h"
#include "proto/memcached/response.h"

/* The lines of results that are the same in text and meta commands, errors and refusals, in both directions. */

/* The whole line. Empty: there is none for this result. Static. */
struct slice mc_error_line(enum result result);

/* The result of which this response is the line. RESULT_COUNT: of none. */
enum result mc_error_result(const struct mc_response *response);

/* What a node says to another whose view of the cluster is not its own; behind it the revision of its own, in decimal. */
#define MC_WRONG_EPOCH SLICE("SERVER_ERROR wrong-epoch ")

/* False: it is not that line. */
bool mc_wrong_epoch_read(const struct mc_response *response, int64_t *ret_revision);

#endif
