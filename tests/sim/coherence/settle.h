/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_SETTLE_H
#define LARDER_TESTS_SIM_COHERENCE_SETTLE_H

#include "trial.h"

/* What has to be so again once nothing goes wrong any more. */

/* Ends the troubles and the askings, and waits until all have their answer and the machines are well: they watch, the mirrors
 * are loaded, and what can be answered from memory is. Fails the test if that does not come to be. */
void settle(struct trial *trial);

/* Sends a call and waits for its answer; it must be OK. Valid until trial_fini. */
struct ask *settle_ask(struct ask *ask, bool at_once);

/* A read of one key with all else 0. */
struct ask *settle_read(struct trial *trial, size_t key);

/* By question it is not known how far `applied` is until something happens in the span: something does. */
void settle_fence(struct trial *trial);

/* Compares everything with the cluster, on each machine. Returns the differences in all. */
uint64_t settle_audit(struct trial *trial);

#endif
