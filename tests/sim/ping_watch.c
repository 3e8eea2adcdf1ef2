/* SPDX-License-Identifier: Apache-2.0 */
#include "ping_watch.h"

#include "clock.h"

enum { PREFACE_SIZE = 24, HEAD_SIZE = 9, TYPE_PING = 6, FLAG_ACK = 1, STRIKES_MAX = 2 };

#define MIN_TIME_NS (5 * SIM_S)
#define MIN_TIME_IDLE_NS (7200 * SIM_S)

static void ping(struct ping_watch *watch, int64_t now_ns, bool has_calls) {
    int64_t least = has_calls ? MIN_TIME_NS : MIN_TIME_IDLE_NS;

    if (watch->was_ping && now_ns - watch->last_ns < least) {
        watch->strikes++;
    }
    watch->was_ping = true;
    watch->last_ns = now_ns;
}

static void head(struct ping_watch *watch) {
    const unsigned char *h = watch->head;

    watch->head_size = 0;
    watch->left = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
    watch->is_ping = h[3] == TYPE_PING && (h[4] & FLAG_ACK) == 0;
}

bool ping_watch_feed(struct ping_watch *watch, struct slice input, int64_t now_ns, bool has_calls) {
    while (input.size > 0) {
        size_t size = 1;

        if (watch->preface < PREFACE_SIZE) {
            watch->preface++;
        } else if (watch->left > 0) {
            size = input.size < watch->left ? input.size : watch->left;
            watch->left -= size;
        } else {
            watch->head[watch->head_size++] = (unsigned char)input.data[0];
            if (watch->head_size == HEAD_SIZE) {
                head(watch);
            }
        }
        if (watch->is_ping && watch->left == 0 && watch->head_size == 0) {
            watch->is_ping = false;
            ping(watch, now_ns, has_calls);
        }
        input = slice_skip(input, size);
    }
    return watch->strikes <= STRIKES_MAX;
}

void ping_watch_sent(struct ping_watch *watch) {
    watch->strikes = 0;
    watch->was_ping = false;
}
