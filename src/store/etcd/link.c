/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/etcd/state.h"

enum {
    FULL_AT = 1 << 20,
    OUT_MAX = 1 << 30,
    OUT_MOST = 256 << 10, /* bytes encoded before they are written */
    OUT_KEEP = 64 << 10,
    PIECES = 16,
};

void etcd_link_make_dirty(struct etcd_link *link) {
    struct etcd_client *client = link->client;

    if (!link->is_dirty) {
        link->is_dirty = true;
        link->next_dirty = client->dirty;
        client->dirty = link;
    }
}

static void on_message(void *ctx, struct grpc_call *grpc_call, struct slice message) {
    struct etcd_call *call = grpc_call->owner;

    (void)ctx;
    if (call != NULL) {
        call->ops->on_message(call, message);
    }
}

static void on_close(void *ctx, struct grpc_call *grpc_call, const struct grpc_end *end) {
    struct etcd_link *link = ctx;
    struct etcd_call *call = grpc_call->owner;
    struct grpc_end known = *end;

    if (call == NULL) {
        return;
    }
    known.untouched = end->untouched || link->written <= call->at_byte;
    call->link = NULL;
    call->call = NULL;
    call->ops->on_close(call, link, &known);
}

static const struct grpc_client_events events = {.on_message = on_message, .on_close = on_close};

static void link_in(struct etcd_link *link) {
    struct etcd_client *client = link->client;

    link->next = client->links;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    client->links = link;
}

static bool connect_link(struct etcd_link *link) {
    static const struct grpc_client_limits limits = {.max_message = ETCD_MESSAGE_MAX, .full_at = FULL_AT};
    struct etcd_client *client = link->client;
    const struct etcd_endpoint *endpoint = &link->member->seen.endpoint;
    char authority[ADDRESS_TEXT_MAX];

    address_format(&endpoint->address, authority);
    link->grpc = grpc_client_new(&limits, slice_from_string(authority), &events, link);
    if (link->grpc == NULL) {
        return false;
    }
    link->handle = client->io->connect(client->ctx, link, endpoint, client->config.dial_timeout_ns);
    return link->handle != NULL;
}

struct etcd_link *etcd_link_new(struct etcd_client *client, struct etcd_member_state *member,
                                enum etcd_purpose purpose) {
    struct etcd_link *link = calloc(1, sizeof(*link));

    if (link == NULL) {
        return NULL;
    }
    link->client = client;
    link->member = member;
    link->purpose = purpose;
    link->begun_ns = client->now_ns;
    link->retire_ns = INT64_MAX;
    link->is_ping_free = true;
    outbox_init(&link->out, OUT_MAX);
    if (!connect_link(link)) {
        grpc_client_free(link->grpc);
        free(link);
        return NULL;
    }
    link_in(link);
    return link;
}

void etcd_link_kill(struct etcd_link *link) {
    struct etcd_client *client = link->client;

    if (link->phase == ETCD_LINK_DEAD) {
        return;
    }
    link->phase = ETCD_LINK_DEAD;
    if (link->handle != NULL) {
        client->io->close(client->ctx, link->handle);
        link->handle = NULL;
    }
    client->has_dead = true;
    client->is_unsettled = true;
}

void etcd_link_drain(struct etcd_link *link) {
    if (link->phase == ETCD_LINK_DEAD) {
        return;
    }
    link->phase = ETCD_LINK_DRAINING;
    if (grpc_client_calls(link->grpc) == 0) {
        etcd_link_kill(link);
    }
}

static void link_out(struct etcd_link *link) {
    struct etcd_client *client = link->client;
    struct etcd_link **at = &client->dirty;

    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        client->links = link->next;
    }
    while (link->is_dirty && *at != link) {
        at = &(*at)->next_dirty;
    }
    if (link->is_dirty) {
        *at = link->next_dirty;
    }
}

void etcd_link_free(struct etcd_link *link) {
    assert(link->phase == ETCD_LINK_DEAD);
    grpc_client_free(link->grpc);
    link_out(link);
    outbox_fini(&link->out);
    free(link);
}

void etcd_link_lose(struct etcd_link *link, const char *why) {
    if (link->phase == ETCD_LINK_DEAD) {
        return;
    }
    if (link->phase == ETCD_LINK_OPENING) {
        link->client->figures.connect_errors++;
    } else if (link->phase != ETCD_LINK_DRAINING) {
        link->client->figures.connections_lost++;
    }
    etcd_link_kill(link);
    etcd_member_lost(link->client, link, slice_from_string(why));
}

/* False: no more can be written now. */
static bool write_out(struct etcd_link *link) {
    struct etcd_client *client = link->client;
    struct iovec pieces[PIECES];

    while (outbox_pending(&link->out) > 0) {
        int count = outbox_pieces(&link->out, pieces, PIECES);
        size_t pending = 0;
        size_t written = 0;

        for (int i = 0; i < count; i++) {
            pending += pieces[i].iov_len;
        }
        if (client->io->write(client->ctx, link->handle, pieces, count, &written) != LARDER_OK) {
            link->written += written; /* no call in these bytes is untouched for sure */
            link->is_broken = true;
            client->must_tend = true;
            return false;
        }
        outbox_sent(&link->out, written);
        link->written += written;
        if (written < pending) {
            link->is_stuck = true;
            return false;
        }
    }
    outbox_clear(&link->out, OUT_KEEP);
    return true;
}

static bool can_write(const struct etcd_link *link) {
    return link->phase != ETCD_LINK_OPENING && link->phase != ETCD_LINK_DEAD && !link->is_stuck && !link->is_broken;
}

void etcd_link_flush(struct etcd_link *link) {
    bool more = true;

    while (more && can_write(link) && write_out(link)) {
        if (!grpc_client_write(link->grpc, &link->out, OUT_MOST, &more)) {
            etcd_link_lose(link, "no memory for what is to be sent, or it broke the protocol");
        } else if (outbox_pending(&link->out) == 0) {
            break;
        } else if (!more && can_write(link)) { /* a call that ended in there may have closed it */
            (void)write_out(link);
        }
    }
    if ((link->phase == ETCD_LINK_CHECKING || link->phase == ETCD_LINK_READY) && grpc_client_is_over(link->grpc)) {
        etcd_link_lose(link, "it does not speak gRPC"); /* a goodbye over it has gone out */
    }
    if (link->phase == ETCD_LINK_DRAINING && grpc_client_calls(link->grpc) == 0) {
        etcd_link_kill(link); /* the last call was given up here */
    }
}

/* --- what the world tells --- */

void etcd_link_opened(struct etcd_link *link) {
    struct etcd_client *client = link->client;

    etcd_client_enter(client);
    if (link->phase == ETCD_LINK_OPENING) {
        client->figures.connects++;
        link->phase = ETCD_LINK_CHECKING;
        link->heard_ns = client->now_ns;
        etcd_link_make_dirty(link);
        etcd_question_ask(link, ETCD_QUESTION_STATUS, client->config.dial_timeout_ns);
        client->must_tend = true;
    }
    etcd_client_leave(client, true);
}

/* No member of links[] or successors[] any more, as after GOAWAY. */
static void retire_now(struct etcd_link *link) {
    struct etcd_member_state *member = link->member;

    if (member != NULL && member->links[link->purpose] == link) {
        member->links[link->purpose] = NULL;
    }
    if (member != NULL && member->successors[link->purpose] == link) {
        member->successors[link->purpose] = NULL;
    }
    etcd_link_drain(link);
    link->client->must_tend = true;
}

static void after_input(struct etcd_link *link) {
    if (link->phase == ETCD_LINK_READY && !grpc_client_is_open(link->grpc)) {
        retire_now(link);
    } else if (link->phase == ETCD_LINK_DRAINING && grpc_client_calls(link->grpc) == 0) {
        etcd_link_kill(link);
    }
}

void etcd_link_input(struct etcd_link *link, struct slice bytes) {
    struct etcd_client *client = link->client;

    if (link->phase == ETCD_LINK_DEAD) {
        return;
    }
    etcd_client_enter(client);
    if (grpc_client_feed(link->grpc, bytes)) {
        etcd_link_hear(link);
        etcd_link_make_dirty(link);
        after_input(link);
    } else {
        etcd_link_flush(link); /* the reason, for the other side */
        etcd_link_lose(link, "it breaks off, or does not speak gRPC");
    }
    etcd_client_leave(client, true);
}

void etcd_link_writable(struct etcd_link *link) {
    etcd_client_enter(link->client);
    link->is_stuck = false;
    etcd_link_make_dirty(link);
    etcd_client_leave(link->client, true);
}

static const char *reason(const struct etcd_link *link, enum larder_error error) {
    switch (error) {
    case LARDER_ERROR_CLOSED:
        return "it closed the connection";
    case LARDER_ERROR_REFUSED:
        return "connection refused";
    case LARDER_ERROR_TIMEOUT:
        return link->phase == ETCD_LINK_OPENING ? "no connection in time" : "the connection timed out";
    case LARDER_ERROR_NOT_FOUND:
        return "its name is not known";
    case LARDER_ERROR_PROTOCOL:
        return "TLS failed";
    default:
        return larder_error_text(error);
    }
}

void etcd_link_closed(struct etcd_link *link, enum larder_error error, struct slice text) {
    struct etcd_client *client = link->client;
    char why[ETCD_MEMBER_TEXT_MAX];

    etcd_client_enter(client);
    link->handle = NULL;
    (void)snprintf(why, sizeof(why), "%s%s%.*s", reason(link, error), text.size > 0 ? ": " : "", (int)text.size,
                   text.size > 0 ? text.data : "");
    etcd_link_lose(link, why);
    etcd_client_leave(client, true);
}

/* --- calls --- */

bool etcd_call_begin(struct etcd_call *call, struct etcd_link *link, struct slice path,
                     const struct grpc_call_options *options) {
    bool was_idle = grpc_client_calls(link->grpc) == 0;

    call->call = grpc_client_call(link->grpc, path, options);
    if (call->call == NULL) {
        return false;
    }
    call->call->owner = call;
    call->link = link;
    call->at_byte = link->written + outbox_pending(&link->out);
    if (was_idle) {
        link->busy_ns = link->client->now_ns;
        etcd_client_wake_by(link->client, etcd_link_due(link));
    }
    etcd_link_make_dirty(link);
    return true;
}

void etcd_call_drop(struct etcd_call *call) {
    struct etcd_link *link = call->link;

    if (link == NULL) {
        return;
    }
    call->call->owner = NULL;
    grpc_call_cancel(call->call);
    call->call = NULL;
    call->link = NULL;
    etcd_link_make_dirty(link);
}
