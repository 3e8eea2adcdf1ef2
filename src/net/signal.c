/* SPDX-License-Identifier: Apache-2.0 */
#include "net/signal.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "net/loop_uv.h"

static const int watched[] = {SIGTERM, SIGINT, SIGHUP};

enum { WATCHED_COUNT = sizeof(watched) / sizeof(watched[0]) };

struct signal_watch {
    uv_signal_t signals[WATCHED_COUNT];
    int open; /* of `signals` */
    signal_fn *on_signal;
    void *ctx;
};

static void on_uv_signal(uv_signal_t *uv, int number) {
    struct signal_watch *watch = uv->data;

    watch->on_signal(watch->ctx, number);
}

static void on_uv_close(uv_handle_t *uv) {
    struct signal_watch *watch = uv->data;

    if (--watch->open == 0) {
        free(watch);
    }
}

struct signal_watch *signal_watch_new(struct loop *loop, signal_fn *on_signal, void *ctx) {
    struct signal_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        return NULL;
    }
    watch->on_signal = on_signal;
    watch->ctx = ctx;
    for (int i = 0; i < WATCHED_COUNT; i++) {
        if (uv_signal_init(loop_uv(loop), &watch->signals[i]) != 0) {
            signal_watch_free(watch);
            return NULL;
        }
        watch->signals[i].data = watch;
        watch->open++;
        if (uv_signal_start(&watch->signals[i], on_uv_signal, watched[i]) != 0) {
            signal_watch_free(watch);
            return NULL;
        }
    }
    return watch;
}

void signal_watch_free(struct signal_watch *watch) {
    if (watch == NULL) {
        return;
    }
    if (watch->open == 0) {
        free(watch);
        return;
    }
    for (int i = 0, count = watch->open; i < count; i++) {
        uv_close((uv_handle_t *)&watch->signals[i], on_uv_close);
    }
}
