/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/heat_board.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct heat_board {
    pthread_mutex_t lock; /* of the lists */
    double hot_per_s;
    unsigned count;
    struct heat_list *lists[]; /* one for each worker, never NULL */
};

enum larder_error heat_board_new(unsigned workers, double hot_per_s, struct heat_board **ret_board) {
    struct heat_board *board = calloc(1, sizeof(*board) + workers * sizeof(board->lists[0]));

    if (board == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&board->lock, NULL);
    board->hot_per_s = hot_per_s;
    for (; board->count < workers; board->count++) {
        if (heat_merge(NULL, 0, 0, &board->lists[board->count]) != LARDER_OK) {
            heat_board_free(board);
            return LARDER_ERROR_NO_MEMORY;
        }
    }
    *ret_board = board;
    return LARDER_OK;
}

void heat_board_free(struct heat_board *board) {
    if (board == NULL) {
        return;
    }
    for (unsigned i = 0; i < board->count; i++) {
        free(board->lists[i]);
    }
    pthread_mutex_destroy(&board->lock);
    free(board);
}

double heat_board_hot_per_s(const struct heat_board *board) {
    return board->hot_per_s;
}

void heat_board_put(struct heat_board *board, unsigned worker, struct heat_list *list) {
    struct heat_list *older = list;

    assert(worker < board->count);
    if (pthread_mutex_trylock(&board->lock) == 0) {
        older = board->lists[worker];
        board->lists[worker] = list;
        pthread_mutex_unlock(&board->lock);
    }
    free(older);
}

enum larder_error heat_board_read(struct heat_board *board, size_t max, struct heat_list **ret_list) {
    enum larder_error error;

    pthread_mutex_lock(&board->lock);
    error = heat_merge(board->lists, board->count, max, ret_list);
    pthread_mutex_unlock(&board->lock);
    return error;
}
