/* SPDX-License-Identifier: Apache-2.0 */
#include "library/channel.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { SPARES_MAX = 64, SPARE_KEYS_MAX = 1024 };

enum larder_status channel_new(struct setup *setup, struct channel **ret_channel) {
    struct channel *ch = memory_new(&setup->allocator, sizeof(*ch));

    if (ch == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    ch->setup = setup;
    ch->wires = memory_new(&setup->allocator, setup->count * sizeof(ch->wires[0]));
    ch->polled = memory_new(&setup->allocator, setup->count * sizeof(ch->polled[0]));
    if (ch->wires == NULL || ch->polled == NULL) {
        channel_free(ch);
        return LARDER_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < setup->count; i++) {
        ch->wires[i].server = &setup->servers[i];
        ch->wires[i].fd = -1;
    }
    *ret_channel = ch;
    return LARDER_DONE;
}

static void call_free(struct channel *ch, struct call *call) {
    if (call->asked != &call->one) {
        memory_free(&ch->setup->allocator, call->asked);
    }
    memory_free(&ch->setup->allocator, call);
}

void channel_free(struct channel *ch) {
    const struct larder_allocator *a = &ch->setup->allocator;

    for (size_t i = 0; ch->wires != NULL && i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        if (w->fd >= 0) {
            close(w->fd);
        }
        bytes_fini(&w->in, a);
        bytes_fini(&w->out, a);
    }
    while (ch->spare != NULL) {
        struct call *call = ch->spare;

        ch->spare = call->next;
        call_free(ch, call);
    }
    memory_free(a, ch->wires);
    memory_free(a, ch->polled);
    memory_free(a, ch);
}

void channel_begin(struct channel *ch) {
    ch->now_ns = clock_monotonic_ns();
}

void channel_refuse(struct channel *ch, const struct server *server, enum larder_status status, const char *reason,
                    size_t index, larder_answer_fn *fn, void *ctx) {
    struct larder_answer answer = {.status = status, .message = reason, .server = server == NULL ? "" : server->name};

    (void)ch;
    fn(ctx, index, &answer);
}

void channel_give_back(struct channel *ch, struct call *call) {
    if (ch->spares < SPARES_MAX && call->capacity <= SPARE_KEYS_MAX) {
        call->next = ch->spare;
        ch->spare = call;
        ch->spares++;
    } else {
        call_free(ch, call);
    }
}

static struct call *call_take(struct channel *ch) {
    struct call *call = ch->spare;

    if (call != NULL) {
        ch->spare = call->next;
        ch->spares--;
        return call;
    }
    call = memory_new(&ch->setup->allocator, sizeof(*call));
    if (call != NULL) {
        call->asked = &call->one;
        call->capacity = 1;
    }
    return call;
}

static void call_put(struct wire *w, struct call *call, const void *data, size_t size) {
    bytes_put(&w->out, data, size);
    call->size += size;
    w->queued += size;
}

void wire_close_line(struct wire *w) {
    if (w->open != NULL) {
        call_put(w, w->open, "\r\n", 2);
        w->open = NULL;
    }
}

/* A new question at the end of the wire, with room for `size` bytes; NULL: no memory. */
static struct call *call_begin(struct channel *ch, struct wire *w, size_t size) {
    struct call *call;

    wire_close_line(w);
    if (bytes_reserve(&w->out, &ch->setup->allocator, size) != LARDER_DONE || (call = call_take(ch)) == NULL) {
        return NULL;
    }
    call->next = NULL;
    call->count = call->cursor = call->size = 0;
    call->attempts = 0;
    call->start = w->queued;
    if (w->state == WIRE_IDLE && w->head == NULL) {
        wire_open(ch, w);
    }
    if (w->head == NULL) {
        w->head = call;
        w->since_ns = ch->now_ns;
    } else {
        w->tail->next = call;
    }
    w->tail = call;
    return call;
}

static bool call_holds_more(struct channel *ch, struct call *call) {
    size_t capacity = call->capacity * 4;
    struct asked *asked;

    if (call->count < call->capacity) {
        return true;
    }
    asked =
        memory_grow(&ch->setup->allocator, call->asked == &call->one ? NULL : call->asked, capacity * sizeof(*asked));
    if (asked == NULL) {
        return false;
    }
    if (call->asked == &call->one) {
        asked[0] = call->one;
    }
    call->asked = asked;
    call->capacity = capacity;
    return true;
}

/* The line that takes one more key. */
static struct call *reading_line(struct channel *ch, struct wire *w, const struct call *like) {
    char start[MC_TEXT_START_MAX];
    struct call *call = w->open;

    if (call != NULL && call->verb == like->verb && call->expiry_s == like->expiry_s && call->fn == like->fn &&
        call->ctx == like->ctx) {
        return call_holds_more(ch, call) &&
                       bytes_reserve(&w->out, &ch->setup->allocator, MC_TEXT_KEY_MAX + 3) == LARDER_DONE
                   ? call
                   : NULL;
    }
    call = call_begin(ch, w, MC_TEXT_START_MAX + MC_TEXT_KEY_MAX + 3);
    if (call != NULL) {
        call_put(w, call, start,
                 mc_text_start(like->verb, like->expiry_s,
                               like->verb == MC_TEXT_GAT ? clock_wall_ns() / CLOCK_NS_PER_S : 0, start));
        call->verb = like->verb;
        call->expiry_s = like->expiry_s;
        call->fn = like->fn;
        call->ctx = like->ctx;
        w->open = call;
    }
    return call;
}

void channel_read(struct channel *ch, enum mc_text_verb verb, int64_t expiry_s, struct slice key, size_t index,
                  larder_answer_fn *fn, void *ctx, unsigned attempts) {
    const struct call like = {.verb = verb, .expiry_s = expiry_s, .fn = fn, .ctx = ctx};
    struct wire *w;
    struct call *call;
    size_t server;
    enum larder_status status =
        mc_text_key_is_valid(key) ? setup_route(ch->setup, key, ch->now_ns, &server) : LARDER_ERR_KEY;

    if (status != LARDER_DONE) {
        channel_refuse(ch, NULL, status, larder_strerror(status), index, fn, ctx);
        return;
    }
    w = &ch->wires[server];
    call = reading_line(ch, w, &like);
    if (call == NULL) {
        channel_refuse(ch, w->server, LARDER_ERR_NO_MEMORY, larder_strerror(LARDER_ERR_NO_MEMORY), index, fn, ctx);
        return;
    }
    call->attempts = attempts;
    call->asked[call->count++] = (struct asked){.key = key, .index = index};
    call_put(w, call, " ", 1);
    call_put(w, call, key.data, key.size);
}

static enum larder_status command_route(struct channel *ch, const struct mc_text_command *c, size_t *ret_server) {
    if (c->verb >= MC_TEXT_FLUSH) {
        return LARDER_DONE;
    }
    if (!mc_text_key_is_valid(c->key)) {
        return LARDER_ERR_KEY;
    }
    if (c->value.size > ch->setup->value_max) {
        return LARDER_ERR_TOO_LARGE;
    }
    return setup_route(ch->setup, c->key, ch->now_ns, ret_server);
}

void channel_command(struct channel *ch, const struct mc_text_command *command, size_t index, larder_answer_fn *fn,
                     void *ctx) {
    char head[MC_TEXT_HEAD_MAX];
    size_t server = index;
    enum larder_status status = command_route(ch, command, &server);
    struct call *call = NULL;
    struct wire *w;

    if (status == LARDER_DONE) {
        call = call_begin(ch, &ch->wires[server], sizeof(head) + command->value.size + 2);
        status = call == NULL ? LARDER_ERR_NO_MEMORY : LARDER_DONE;
    }
    if (status != LARDER_DONE) {
        channel_refuse(ch, NULL, status, larder_strerror(status), index, fn, ctx);
        return;
    }
    w = &ch->wires[server];
    call->verb = command->verb;
    call->fn = fn;
    call->ctx = ctx;
    call->asked[0] = (struct asked){.key = command->key, .index = index};
    call_put(w, call, head, mc_text_head(command, command->expiry_s > 0 ? clock_wall_ns() / CLOCK_NS_PER_S : 0, head));
    if (mc_text_stores(command->verb)) {
        call_put(w, call, command->value.data, command->value.size);
        call_put(w, call, "\r\n", 2);
    }
}

/* What was not sent at all can go elsewhere as it is. */
static bool move_unsent(struct channel *ch, const struct bytes *out, uint64_t sent, const struct call *call) {
    struct wire *w;
    struct call *moved;
    size_t server;

    if (call->verb >= MC_TEXT_FLUSH || call->start < sent || call->attempts + 1 >= CHANNEL_ATTEMPTS_MAX ||
        setup_route(ch->setup, call->asked[0].key, ch->now_ns, &server) != LARDER_DONE) {
        return false;
    }
    w = &ch->wires[server];
    moved = call_begin(ch, w, call->size);
    if (moved == NULL) {
        return false;
    }
    moved->verb = call->verb;
    moved->fn = call->fn;
    moved->ctx = call->ctx;
    moved->attempts = call->attempts + 1;
    moved->asked[0] = call->asked[0];
    call_put(w, moved, out->data + out->start + (call->start - sent), call->size);
    return true;
}

static void end_call(struct channel *ch, struct wire *w, const struct bytes *out, uint64_t sent, struct call *call,
                     enum larder_status status) {
    bool again =
        call->attempts + 1 < CHANNEL_ATTEMPTS_MAX && status != LARDER_ERR_TIMEOUT && status != LARDER_ERR_NO_MEMORY;

    if (!mc_text_reads(call->verb)) {
        if (!move_unsent(ch, out, sent, call)) {
            channel_refuse(ch, w->server, status, larder_strerror(status), call->asked[0].index, call->fn, call->ctx);
        }
        return;
    }
    for (size_t i = 0; i < call->count; i++) {
        const struct asked *asked = &call->asked[i];

        if (asked->told) {
            continue;
        }
        if (again) {
            channel_read(ch, call->verb, call->expiry_s, asked->key, asked->index, call->fn, call->ctx,
                         call->attempts + 1);
        } else {
            channel_refuse(ch, w->server, status, larder_strerror(status), asked->index, call->fn, call->ctx);
        }
    }
}

void wire_drop(struct channel *ch, struct wire *w, enum larder_status status, bool counts) {
    const struct larder_allocator *a = &ch->setup->allocator;
    struct bytes out = w->out;
    struct call *call = w->head, *next;
    uint64_t sent = w->sent;

    if (w->fd >= 0) {
        close(w->fd);
    }
    bytes_fini(&w->in, a);
    *w = (struct wire){.server = w->server, .fd = -1, .opened = w->opened};
    if (counts && health_failed(&w->server->health, &ch->setup->health, ch->now_ns)) {
        setup_log(ch->setup, LARDER_LOG_WARNING, "server %s is left out: %s", w->server->name, larder_strerror(status));
    }
    for (; call != NULL; call = next) {
        next = call->next;
        end_call(ch, w, &out, sent, call, status);
        channel_give_back(ch, call);
    }
    bytes_fini(&out, a);
}
