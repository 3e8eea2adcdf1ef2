/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_JUDGE_RENEW_H
#define LARDER_ORIGIN_JUDGE_RENEW_H

#include "origin/judge.h"

/* An outcome that says nothing yet, of an answer with this status; its entry is not touched. */
void judge_outcome_begin(struct judge_outcome *out, unsigned status);

/* Of a 304 to load->old: RENEW, or RELOAD (RFC 9111, 4.3.4). `out` was begun. */
void judge_renew(const struct judge_load *load, const struct origin_answer *answer, struct judge_outcome *out);

#endif
