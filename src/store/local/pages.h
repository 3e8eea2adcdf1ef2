/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_PAGES_H
#define LARDER_STORE_LOCAL_PAGES_H

#include <stdbool.h>

#include "base/buf.h"

/* LMDB trusts its file: a damaged page makes it read outside of it, or abort. So before it sees the file, this walks
 * through all pages that are in use (format 1 of LMDB 0.9: mdb.c, "Page layout") and checks that everything points into
 * the file and nothing is used twice. Records have checksums of their own; see record.h. */

/* False: `why` has a phrase for people that says what is damaged. A file that is not there, or empty, is fine. */
bool pages_check(const char *file, struct buf *why);

#endif
