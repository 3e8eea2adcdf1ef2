/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_KV_H
#define LARDER_MODEL_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A key of the store and its value, as of some revision. The names and meanings are etcd's (etcd.io/docs, "Data model").
 * The slices belong to whoever hands the struct out. */
struct kv {
    struct slice key;
    struct slice value;
    int64_t create_revision; /* at which the key came to be */
    int64_t mod_revision;    /* of its last change */
    int64_t version;         /* changes since it came to be, the first counts 1 */
    int64_t lease;           /* 0: none */
};

enum kv_event_kind { KV_EVENT_PUT, KV_EVENT_DELETE };

/* A change of one key. Of a delete, kv has the key and the mod_revision alone. */
struct kv_event {
    enum kv_event_kind kind;
    bool has_previous;
    struct kv kv;
    struct kv previous; /* what the key was before; only if it was asked for and is still known */
};

#endif
