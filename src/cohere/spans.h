/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_SPANS_H
#define LARDER_COHERE_SPANS_H

#include "store/span.h"

/* How spans of keys lie to each other. */

/* Whether they have a key in common. */
bool spans_meet(const struct store_span *a, const struct store_span *b);

/* Whether all keys of `inner`, a single key or not, lie in `outer`, which is not a single key. */
bool span_holds(const struct store_span *outer, const struct store_span *inner);

/* A copy in memory of its own, *ret_place, to be freed. False: no memory. */
bool span_copy(const struct store_span *span, char **ret_place, struct store_span *ret_copy);

#endif
