/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

static void move(struct wire *wire, struct pipe *pipe);

/* --- pipes --- */

static void pipe_clear(struct wire *wire, struct pipe *pipe) {
    while (pipe->first != NULL) {
        struct chunk *chunk = pipe->first;

        pipe->first = chunk->next;
        free(chunk);
    }
    sim_cancel(wire->net->sim, pipe->event);
    *pipe = (struct pipe){0};
}

static void pipe_add(struct wire *wire, struct pipe *pipe, struct slice bytes, enum larder_error ended) {
    struct sim *sim = wire->net->sim;
    struct chunk *chunk = sim_new(sizeof(*chunk) + bytes.size);
    int64_t jitter = wire->host->jitter_ns;

    chunk->ended = ended;
    chunk->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(chunk->bytes, bytes.data, bytes.size);
    }
    chunk->at_ns = sim->now_ns + wire->host->delay_ns + (jitter > 0 ? sim_between(sim, 0, jitter) : 0);
    if (pipe->last != NULL && chunk->at_ns < pipe->last->at_ns) {
        chunk->at_ns = pipe->last->at_ns;
    }
    if (pipe->first == NULL) {
        pipe->first = chunk;
    } else {
        pipe->last->next = chunk;
    }
    pipe->last = chunk;
    pipe->bytes += bytes.size;
    move(wire, pipe);
}

static void pipe_add_bytes(struct wire *wire, struct pipe *pipe, struct slice bytes) {
    if (bytes.size > 1 && sim_chance(wire->net->sim, wire->net->split_percent)) {
        size_t first = 1 + random_below(&wire->net->sim->random, bytes.size - 1);

        pipe_add(wire, pipe, slice_make(bytes.data, first), LARDER_OK);
        bytes = slice_skip(bytes, first);
    }
    if (bytes.size > 0) {
        pipe_add(wire, pipe, bytes, LARDER_OK);
    }
}

/* Drops the end of what is under way, from a place that chance chooses. */
static void pipe_lose(struct wire *wire, struct pipe *pipe) {
    struct chunk **place = &pipe->first;

    pipe->last = NULL;
    while (*place != NULL && sim_chance(wire->net->sim, 70)) {
        pipe->last = *place;
        place = &(*place)->next;
    }
    while (*place != NULL) {
        struct chunk *chunk = *place;

        *place = chunk->next;
        pipe->bytes -= chunk->size;
        free(chunk);
    }
    if (pipe->first == NULL) {
        pipe_clear(wire, pipe);
    }
}

static struct chunk *pipe_take(struct pipe *pipe) {
    struct chunk *chunk = pipe->first;

    pipe->first = chunk->next;
    pipe->last = pipe->first == NULL ? NULL : pipe->last;
    pipe->bytes -= chunk->size;
    return chunk;
}

/* --- what arrives --- */

static void free_later(void *ctx) {
    struct wire *wire = ctx;

    wire->event = NULL;
    wire_free(wire);
}

/* Nobody has it any more: it goes, but not under the feet of who is at it. */
static void check_over(struct wire *wire) {
    if (wire->link == NULL && wire->is_over && wire->event == NULL) {
        wire->event = sim_after(wire->net->sim, 0, free_later, wire);
    }
}

static void end_server(struct wire *wire) {
    void *peer = wire->peer;

    wire->peer = NULL;
    wire->is_over = true;
    pipe_clear(wire, &wire->up);
    if (peer != NULL) {
        wire->host->server->gone(peer);
    }
    check_over(wire);
}

static void arrive_up(void *ctx) {
    struct wire *wire = ctx;
    struct chunk *chunk = pipe_take(&wire->up);

    wire->up.event = NULL;
    if (chunk->ended != LARDER_OK) {
        end_server(wire);
    } else if (wire->peer != NULL) {
        wire->host->server->input(wire->peer, slice_make(chunk->bytes, chunk->size));
    }
    free(chunk);
    move(wire, &wire->up);
    if (wire->wants_room && wire->link != NULL && wire->up.bytes < NET_WINDOW) {
        wire->wants_room = false;
        etcd_link_writable(wire->link);
    }
}

static void arrive_down(void *ctx) {
    struct wire *wire = ctx;
    struct chunk *chunk = pipe_take(&wire->down);
    struct etcd_link *link = wire->link;

    wire->down.event = NULL;
    move(wire, &wire->down);
    if (link != NULL && chunk->ended != LARDER_OK) {
        wire->link = NULL;
        if (wire->is_over) {
            check_over(wire);
        } else {
            pipe_clear(wire, &wire->up);
            pipe_add(wire, &wire->up, SLICE(""), LARDER_ERROR_CLOSED);
        }
        etcd_link_closed(link, chunk->ended, SLICE(""));
    } else if (link != NULL) {
        etcd_link_input(link, slice_make(chunk->bytes, chunk->size));
    }
    free(chunk);
}

/* Sees to it that the first chunk arrives, unless something holds it back. */
static void move(struct wire *wire, struct pipe *pipe) {
    bool up = pipe == &wire->up;
    bool held = wire->host->cut || (up && wire->host->paused);
    struct sim *sim = wire->net->sim;

    if (held) {
        sim_cancel(sim, pipe->event);
        pipe->event = NULL;
    } else if (pipe->event == NULL && pipe->first != NULL) {
        pipe->event = sim_after(sim, pipe->first->at_ns - sim->now_ns, up ? arrive_up : arrive_down, wire);
    }
}

/* --- its life --- */

struct wire *wire_new(struct net *net, struct net_host *host, struct etcd_link *link) {
    struct wire *wire = sim_new(sizeof(*wire));

    *wire = (struct wire){.net = net, .host = host, .link = link, .next = net->wires, .previous = &net->wires};
    if (net->wires != NULL) {
        net->wires->previous = &wire->next;
    }
    net->wires = wire;
    return wire;
}

void wire_free(struct wire *wire) {
    pipe_clear(wire, &wire->up);
    pipe_clear(wire, &wire->down);
    sim_cancel(wire->net->sim, wire->event);
    *wire->previous = wire->next;
    if (wire->next != NULL) {
        wire->next->previous = wire->previous;
    }
    free(wire);
}

void wire_accept(struct wire *wire) {
    wire->is_accepted = true;
    wire->peer = wire->host->server->accept(wire->host->ctx, wire);
}

enum larder_error wire_write(struct wire *wire, const struct iovec *pieces, int count, size_t *ret_written) {
    size_t room = wire->up.bytes < NET_WINDOW ? NET_WINDOW - wire->up.bytes : 0;
    size_t all = 0;

    *ret_written = 0;
    sim_must(wire->is_open && wire->link != NULL);
    if (wire->is_broken) {
        return LARDER_ERROR_IO;
    }
    for (int i = 0; i < count; i++) {
        all += pieces[i].iov_len;
    }
    if (all > 1 && sim_chance(wire->net->sim, wire->net->partial_percent)) {
        size_t part = 1 + random_below(&wire->net->sim->random, all - 1);

        room = part < room ? part : room;
    }
    for (int i = 0; i < count && room > 0; i++) {
        size_t size = pieces[i].iov_len < room ? pieces[i].iov_len : room;

        pipe_add_bytes(wire, &wire->up, slice_make(pieces[i].iov_base, size));
        room -= size;
        *ret_written += size;
    }
    wire->wants_room = *ret_written < all;
    return LARDER_OK;
}

void wire_leave(struct wire *wire) {
    sim_must(wire->link != NULL);
    wire->link = NULL;
    pipe_clear(wire, &wire->down);
    if (!wire->is_open) {
        wire_free(wire);
    } else if (wire->is_over) {
        check_over(wire);
    } else {
        pipe_add(wire, &wire->up, SLICE(""), LARDER_ERROR_CLOSED);
    }
}

void wire_send(struct wire *wire, struct slice bytes) {
    if (wire->link != NULL) {
        pipe_add_bytes(wire, &wire->down, bytes);
    }
}

void wire_close(struct wire *wire, enum larder_error error) {
    wire->peer = NULL;
    wire->is_over = true;
    pipe_clear(wire, &wire->up);
    if (wire->link != NULL) {
        pipe_add(wire, &wire->down, SLICE(""), error);
    }
    check_over(wire);
}

void wire_kill(struct wire *wire) {
    if (wire->is_open && !wire->is_over) {
        pipe_lose(wire, &wire->down);
        wire->is_broken = wire->is_broken || sim_chance(wire->net->sim, 20);
        wire_close(wire, sim_chance(wire->net->sim, 50) ? LARDER_ERROR_CLOSED : LARDER_ERROR_IO);
    }
}

void wire_reset(struct wire *wire) {
    void *peer = wire->peer;

    if (wire->is_open && !wire->is_over) {
        pipe_lose(wire, &wire->up);
        wire_kill(wire);
        if (peer != NULL) {
            wire->host->server->gone(peer);
        }
    }
}

void wire_kick(struct wire *wire) {
    if (!wire->is_open) {
        return;
    }
    if (!wire->is_accepted && !wire->is_over && !wire->host->paused && !wire->host->refuses) {
        wire_accept(wire);
    }
    move(wire, &wire->up);
    move(wire, &wire->down);
}
