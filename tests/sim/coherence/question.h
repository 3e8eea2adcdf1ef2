/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_QUESTION_H
#define LARDER_TESTS_SIM_COHERENCE_QUESTION_H

#include "model.h"

/* One call on its way through the cluster; model_submit makes it. */

/* Those under way end now: some with their answer if there is one, most without. */
void question_fail_all(struct model *model);

#endif
