/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>

#include "base/clock.h"
#include "library/channel.h"

/* Sending what was written down, and waiting for the answers. */

int64_t wire_deadline(const struct channel *ch, const struct wire *w) {
    const struct setup *s = ch->setup;

    if (w->state == WIRE_CONNECTING) {
        return w->since_ns + s->connect_timeout_ns;
    }
    return w->since_ns + (bytes_size(&w->out) > 0 ? s->send_timeout_ns : s->receive_timeout_ns);
}

size_t channel_send(struct channel *ch, struct wire **ret_one) {
    size_t waiting = 0;

    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        if (w->head == NULL) {
            continue;
        }
        wire_close_line(w);
        if (w->failed != LARDER_DONE) {
            wire_drop(ch, w, w->failed, true);
        } else if (w->state == WIRE_OPEN && bytes_size(&w->out) > 0) {
            wire_send(ch, w);
        }
        waiting++; /* a wire that was dropped here has perhaps questions again, or others have: another round */
        *ret_one = w;
    }
    return waiting;
}

static int timeout_of(struct channel *ch, size_t *ret_count) {
    int64_t first = INT64_MAX;
    size_t count = 0;

    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        w->polled = 0;
        if (w->head != NULL) {
            int64_t deadline = w->failed != LARDER_DONE ? ch->now_ns : wire_deadline(ch, w);
            bool writes = w->state == WIRE_CONNECTING || bytes_size(&w->out) > 0;

            first = deadline < first ? deadline : first;
            ch->polled[count++] = (struct pollfd){.fd = w->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
            w->polled = count;
        }
    }
    *ret_count = count;
    first -= ch->now_ns;
    return first <= 0 ? 0 : (int)((first + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

void wire_turn(struct channel *ch, struct wire *w, short events) {
    if (events == 0) {
        if (w->failed == LARDER_DONE && ch->now_ns >= wire_deadline(ch, w)) {
            wire_drop(ch, w, LARDER_ERR_TIMEOUT, true);
        }
    } else if (w->state == WIRE_CONNECTING) {
        wire_connected(ch, w);
    } else if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        wire_receive(ch, w, false);
    }
}

static void wait_all(struct channel *ch) {
    size_t count;
    int timeout = timeout_of(ch, &count);

    if (count == 0) {
        return; /* the last that waited was dropped, and told so */
    }
    (void)poll(ch->polled, count, timeout); /* interrupted: the deadlines are looked at, and it begins anew */
    channel_begin(ch);
    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        /* What came about meanwhile, because another wire was dropped, waits for the next round. */
        if (w->polled > 0) {
            wire_turn(ch, w, ch->polled[w->polled - 1].revents);
        }
    }
}

void channel_run(struct channel *ch) {
    struct wire *one = NULL;
    size_t waiting;

    while ((waiting = channel_send(ch, &one)) > 0) {
        if (waiting == 1 && one->head != NULL && one->failed == LARDER_DONE && one->state == WIRE_OPEN &&
            one->open == NULL && bytes_size(&one->out) == 0 && one->since_ns == ch->now_ns) {
            /* The common case: one server, everything sent just now. Its socket knows how long it may wait. */
            wire_receive(ch, one, true);
            if (one->head != NULL) {
                channel_begin(ch);
            }
        } else {
            wait_all(ch);
        }
    }
}
