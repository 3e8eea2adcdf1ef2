/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_AIMED_H
#define LARDER_TESTS_SIM_RING_AIMED_H

/* Tests whose trouble is aimed at one rule of ring/keeper.h each: what the weather brings about only once in very many runs. */
void aimed_stale(void **state);
void aimed_held_up(void **state);
void aimed_unreachable(void **state);
void aimed_late_answers(void **state);
void aimed_moved(void **state);
void aimed_missed(void **state);
void aimed_old_eras(void **state);

#endif
