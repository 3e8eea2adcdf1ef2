/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_HEAT_BOARD_H
#define LARDER_RING_HEAT_BOARD_H

#include "ring/heat.h"

/* Where the workers of a node put up, now and then, which keys are asked for most through them, so that whoever wants to know
 * need not ask their threads: a sketch is for its worker alone. Any thread may use it. What stands here is as old as the last
 * time that its worker put up a list. */
struct heat_board;

/* `hot_per_s`: requests a second, through the whole node, from which on a key is hot. Errors: NO_MEMORY. */
enum larder_error heat_board_new(unsigned workers, double hot_per_s, struct heat_board **ret_board);
void heat_board_free(struct heat_board *board); /* NULL is allowed */

double heat_board_hot_per_s(const struct heat_board *board);

/* In place of the worker's last list. Takes the list over. It waits for nobody: while another thread is at the board the older
 * list stays, and this one is given up. */
void heat_board_put(struct heat_board *board, unsigned worker, struct heat_list *list);

/* As heat_merge, of all that stand there. Errors: NO_MEMORY. */
enum larder_error heat_board_read(struct heat_board *board, size_t max, struct heat_list **ret_list);

#endif
