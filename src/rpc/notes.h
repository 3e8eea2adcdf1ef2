/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_NOTES_H
#define LARDER_RPC_NOTES_H

#include "base/slice.h"

/* The notes of the store (store.h) that etcd's API keeps there, beside STORE_NOTE_IDENTITY: the numbers of cluster and member,
 * 8 bytes each. */
#define RPC_NOTE_AUTH SLICE("auth")     /* auth_encode_state */
#define RPC_NOTE_ALARMS SLICE("alarms") /* the numbers of the kinds of alarm that are raised, a byte each */

#endif
