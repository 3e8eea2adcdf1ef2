/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/log.h"
#include "net/resolver.h"
#include "peer/peers_internal.h"

/* Requests, and the links that are opened for them. */

static struct peer_options options_for(struct peers *peers, const struct peer *p) {
    const struct peers_config *c = &peers->config;

    return (struct peer_options){
        .limits = {.pending = c->pending, .output = c->value + PEERS_OUTPUT_MAX, .value = c->value},
        .connect_timeout_ns = c->connect_timeout_ns,
        .pause_min_ns = c->pause_min_ns,
        .pause_max_ns = c->pause_max_ns,
        .seed = c->seed + peers->links_made++,
        .identity = c->identity,
        .expected = peer_id(p),
        .timeouts_max = PEERS_FAILURES,
        .on_input = c->on_input,
        .ctx = c->ctx,
    };
}

/* A link to an address; numbers need nobody to look them up. */
static enum larder_error link_to(struct peers *peers, struct peer *p, const struct address *address,
                                 struct peer_link **ret_link) {
    const struct peer_options options = options_for(peers, p);
    struct endpoint endpoint;

    if (endpoint_local(address, &endpoint) == LARDER_OK) {
        return peer_link_new(peers->loop, &endpoint, 1, &options, ret_link);
    }
    if (peers->resolver == NULL) {
        peers->resolver = resolver_new(peers->loop);
    }
    return peers->resolver == NULL ? LARDER_ERROR_NO_MEMORY
                                   : peer_link_new_by_name(peers->loop, peers->resolver, address, &options, ret_link);
}

static void tell_bad_address(struct peer *p, const char *reason) {
    if (!p->bad_address) {
        p->bad_address = true;
        log_warn("a node of the cluster has an address that is none", log_slice("node", peer_id(p)),
                 log_slice("address", peer_address(p)), log_string("reason", reason));
    }
}

/* Sees to it that there is a link. Errors: REFUSED (no address), NO_MEMORY. */
static enum larder_error open_link(struct peers *peers, struct peer *p) {
    struct peer_link *link;
    struct address address;
    enum larder_error error;
    const char *reason;

    if (p->link != NULL) {
        return LARDER_OK;
    }
    if (!address_parse(peer_address(p), &address, &reason)) {
        tell_bad_address(p, reason);
        return LARDER_ERROR_REFUSED;
    }
    error = link_to(peers, p, &address, &link);
    if (error == LARDER_OK) {
        pthread_mutex_lock(&peers->lock);
        p->link = link;
        pthread_mutex_unlock(&peers->lock);
    }
    return error;
}

enum larder_error peers_submit(struct peers *peers, uint16_t member, const struct request *request,
                               pipeline_done_fn *done, void *ctx) {
    struct peer *p;
    enum larder_error error;

    assert(request->peer != NULL);
    if (member >= peers->count) {
        return LARDER_ERROR_REFUSED;
    }
    p = peers->list[member];
    error = open_link(peers, p);
    if (error == LARDER_OK) {
        error = peer_link_submit(p->link, request, done, ctx);
    }
    if (error == LARDER_OK && !p->unflushed) {
        p->unflushed = true;
        p->next_unflushed = peers->unflushed;
        peers->unflushed = p;
    }
    return error;
}

void peers_flush(struct peers *peers) {
    while (peers->unflushed != NULL) {
        struct peer *p = peers->unflushed;

        peers->unflushed = p->next_unflushed;
        p->unflushed = false;
        peer_link_flush(p->link);
    }
}
