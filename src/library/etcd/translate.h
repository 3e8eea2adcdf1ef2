/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_TRANSLATE_H
#define LARDER_LIBRARY_ETCD_TRANSLATE_H

#include <larder/etcd.h>

#include "base/arena.h"
#include "store/store.h"

/* The caller's bytes; of none, no pointer is looked at. */
static inline struct slice bytes_given(const void *data, size_t size) {
    return size > 0 ? slice_make(data, size) : SLICE("");
}

enum { TRANSLATION_MAX = 16 << 20 /* bytes of an arena for one operation; keys and values are borrowed */ };

/* What a caller of the library wants, as the store takes it; it borrows the caller's keys and values. Errors, with a static
 * sentence in *ret_why: INVALID, KEY, TOO_LARGE, NO_MEMORY. */
enum larder_status translate_span(const struct larder_etcd_span *span, struct arena *arena, struct store_span *ret_span,
                                  const char **ret_why);
enum larder_status translate_op(const struct larder_etcd_op *op, struct arena *arena, struct store_op *ret_op,
                                const char **ret_why);

#endif
