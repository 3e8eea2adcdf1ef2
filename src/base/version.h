/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_VERSION_H
#define LARDER_BASE_VERSION_H

/* What memcached clients are told: the release whose protocol is spoken, because they choose what they ask by it, then
 * our own. LARDER_VERSION comes from the build. */
#define LARDER_MEMCACHED_VERSION "1.6.45-larder-" LARDER_VERSION

#endif
