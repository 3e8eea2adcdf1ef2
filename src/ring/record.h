/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_RECORD_H
#define LARDER_RING_RECORD_H

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/kv.h"
#include "ring/membership.h"

/* A node's record while a membership is made of it. */
struct record {
    struct member member;
    json_t *json; /* holds member.address; NULL: it is another's */
};

/* Reads the record of the node `id`, which is borrowed. Errors: INVALID (it is none), NO_MEMORY. */
enum larder_error record_read(struct slice id, const struct kv *kv, struct record *ret_record);

/* Gives up what it holds. */
void record_fini(struct record *record);

#endif
