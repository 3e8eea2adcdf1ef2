/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_SPAN_H
#define LARDER_STORE_SPAN_H

#include "store/store.h"

/* All keys that begin with `prefix`, which is borrowed; the empty one begins all keys. `place` has room for prefix.size
 * bytes, and at least for one. */
struct store_span store_span_of_prefix(struct slice prefix, char *place);

#endif
