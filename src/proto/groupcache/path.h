/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GROUPCACHE_PATH_H
#define LARDER_PROTO_GROUPCACHE_PATH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* How a member of a pool of Go's groupcache asks another one for a key: GET /_groupcache/<group>/<key> behind the other's
 * base URL (HTTPPool in http.go of github.com/golang/groupcache).
 *
 * Go's two sides do not agree about what that path means. The one that asks escapes group and key as in a query: a space is
 * '+', and '+', '/', '%' are %2B, %2F, %25. The one that answers takes '+' for itself, decodes the whole path, and only then
 * looks for the '/' that ends the group. So in a pool of Go alone a key with a space in it arrives as another key, which
 * the ring may give to another peer, and `a/b` asked for in a group `x/y` arrives as `y/a/b` in a group `x`.
 *
 * We stand between: what comes in is read as the one that asks has meant it, and what goes out is written such that the one
 * that answers reads it as it is meant. So we load and keep the key that the asker's ring gave to us, under its name, and a
 * Go peer answers for the key that our ring gave to it. In numbers: '+' that comes in is a space (a Go peer never sends
 * it for anything else), and a space goes out as %20, never as '+'. */

#define GROUPCACHE_BASE_PATH "/_groupcache/"

/* Reads a path (the target up to the first '?', as http_target_split has it). The group ends at the first '/' that is not
 * encoded; group and key are then decoded once each and are any bytes, the empty ones included. `place` has room for
 * path.size bytes; both slices lie there. False: the path does not begin with GROUPCACHE_BASE_PATH, no '/' ends the group,
 * or a '%' has no two hexadecimal digits behind it (Go answers the last two with 400). */
bool groupcache_path_read(struct slice path, char *place, struct slice *ret_group, struct slice *ret_key);

/* Appends the path that asks for a key, to go behind a base URL. It has letters, digits and "-_.~%/" alone. A peer of Go
 * whose HTTPPool is registered in a ServeMux, as NewHTTPPool does it, answers with 301 where group or key would make the
 * decoded path one that Go calls unclean (a key that begins with '/', or has "//", "/./" or "/../" in it): it cannot be asked
 * for those. A group with '/' in it, which no group of ours has, would be cut there, so it is refused, as the empty one is:
 * no Go peer finds it. `out` is unchanged on failure. Errors: INVALID (such a group), LIMIT, NO_MEMORY. */
enum larder_error groupcache_path_write(struct slice group, struct slice key, struct buf *out);

#endif
