/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_STATUS_H
#define LARDER_LIBRARY_ETCD_STATUS_H

#include <larder/etcd.h>

#include "store/store.h"

/* What a status of the store is for a caller of the library. */
enum larder_status status_of(enum store_status status);

/* Why a call ended so, for people, cut off at the end. Not on the engine's thread. */
void status_explain(struct store *cluster, enum store_status status, int etcd_error,
                    char ret_message[LARDER_MESSAGE_MAX]);

#endif
