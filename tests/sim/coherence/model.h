/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_MODEL_H
#define LARDER_TESTS_SIM_COHERENCE_MODEL_H

#include "layout.h"
#include "truth.h"

struct trial;

/* A cluster as the client of one sees it: questions that are answered late, in any order, or not at all, by members that lag
 * behind each other. */
enum { MODEL_MEMBERS = 3 };

struct model_member {
    int64_t lag_ns;
    int64_t revision; /* up to which it has applied, the last time somebody looked */
};

struct model {
    struct trial *trial;
    struct model_member members[MODEL_MEMBERS];
    struct question *questions; /* under way */
    int64_t usual_ns;           /* a way takes up to this */
    int64_t slow_ns;            /* or up to this, */
    unsigned slow_percent;      /* so often */
    unsigned lost_percent;      /* of questions */
    int64_t away_until_ns;      /* until then nobody can be reached */
    bool is_closed;
    uint64_t asked;                 /* questions in all */
    size_t rounds[LAYOUT_MACHINES]; /* of a round, under way */
};

void model_init(struct model *model, struct trial *trial);

/* Up to which revision a member has applied now. */
int64_t model_member_revision(struct model *model, size_t member);

/* As coherence_world's. */
void model_submit(struct model *model, size_t machine, struct store_call *call);

/* A change by somebody. UNAVAILABLE: not now. *ret_revision is the newest afterwards. */
enum store_status model_change(struct model *model, const struct store_op *op, struct arena *arena,
                               struct store_result *result, int64_t *ret_revision);

/* The cluster goes on from a backup: what is under way is lost. */
void model_restore(struct model *model, int64_t revision);

/* Nobody can be reached for so long. */
void model_go_away(struct model *model, int64_t ns);

/* All that is under way ends with CLOSED, at once. */
void model_close(struct model *model);

/* How long a way takes. */
int64_t model_delay(struct model *model);

bool model_is_away(const struct model *model);

#endif
