/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "group/pending_span.h"
#include "group/shared_op.h"

/* A read of a key that another node owns, as nearly all of them go: sent as it comes, told as it is answered. Nothing is to be
 * decided on its way, so it needs no errand; where something is after all (the owner has another epoch), a request of the long
 * kind begins in its place.
 *
 * It stands in no line. It is sent only while there is none for its key, so it does not overtake what came before. What comes
 * after it goes to the same owner behind it, over the same link, or is done under another view, for which the owner of before
 * must have given the key up: what he answers then is older, or nothing. And a read that was not answered is asked for anew
 * only if nothing has been changed through this worker since it came; else it is a miss, which a change of owners allows. */

enum { ROOM = REQUEST_KEY_MAX + 262 /* the key, and then a small value */ };

struct shared_read {
    struct pending pending; /* first */
    struct shared_access access;
    struct shared_read *next_spare;
    uint32_t options;
    uint64_t compare;
    int64_t deadline_ns;
    uint64_t changes; /* of the worker, when it came */
    struct shared_copy_asked copy;
    unsigned group;
    size_t key_size;
    char data[ROOM];
};

static struct shared_read *read_of(struct pending *p) {
    return (struct shared_read *)(void *)p;
}

/* --- memory --- */

static void free_read(struct pending *p) {
    struct shared_read *read = read_of(p);
    struct shared_worker *w = read->access.worker;

    shared_discharge(w->shared, sizeof(*read));
    if (w->spare_read_count < SHARED_SPARES_MAX && !w->ended) {
        read->next_spare = w->spare_reads;
        w->spare_reads = read;
        w->spare_read_count++;
    } else {
        free(read);
    }
}

void shared_reads_free(struct shared_worker *w) {
    while (w->spare_reads != NULL) {
        struct shared_read *read = w->spare_reads;

        w->spare_reads = read->next_spare;
        free(read);
    }
    w->spare_read_count = 0;
}

/* NULL: there is no memory for it. */
static struct shared_read *new_read(struct shared_worker *w) {
    struct shared_read *read = w->spare_reads;

    if (!shared_charge(w->shared, sizeof(*read))) {
        return NULL;
    }
    if (read != NULL) {
        w->spare_reads = read->next_spare;
        w->spare_read_count--;
        return read;
    }
    read = malloc(sizeof(*read));
    if (read == NULL) {
        shared_discharge(w->shared, sizeof(*read));
    }
    return read;
}

/* --- its end --- */

static struct request request_of(const struct shared_read *read) {
    return (struct request){
        .command = COMMAND_GET,
        .options = read->options,
        .key = slice_make(read->data, read->key_size),
        .compare = read->compare,
        .deadline_ns = read->deadline_ns,
        .scope = read->pending.scope,
    };
}

static void tell(struct shared_read *read, enum result result) {
    read->pending.reply.result = result;
    pending_end(&read->pending);
}

static void on_long_way_done(void *owner, struct reply *reply) {
    struct shared_read *read = owner;
    struct reply *own = &read->pending.reply;

    *own = *reply;
    pending_end(&read->pending);
}

static void go_the_long_way(struct shared_read *read) {
    struct shared_access access = read->access;
    const struct request request = request_of(read);
    struct reply reply = {.group = read->pending.reply.group};

    access.now_ns = clock_monotonic_ns();
    access.memory.now = shared_table_seconds(access.worker->shared, access.now_ns);
    access.memory.policy = &(*access.worker->groups)->policies[read->group];
    shared_start(&access, &request, false, &reply);
    if (reply.result == RESULT_PENDING) {
        pending_await(reply.pending, on_long_way_done, read);
    } else {
        on_long_way_done(read, &reply);
    }
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    struct shared_read *read = ctx;

    pending_span_hop_ended(&read->pending, error, error == LARDER_OK ? answer->reply.result : RESULT_MISS);
    if (error != LARDER_OK) {
        tell(read, RESULT_MISS);
        return;
    }
    switch (shared_sent_of_result(answer->reply.result)) {
    case ERRAND_SENT_ANSWERED:
        shared_take_answer(read->access.worker->shared, &read->pending.reply, &answer->reply,
                           read->data + read->key_size, sizeof(read->data) - read->key_size);
        shared_copy_put(read->access.worker, read->access.memory.table, &read->copy,
                        slice_make(read->data, read->key_size), &answer->reply, &read->pending.reply);
        pending_end(&read->pending);
        break;
    case ERRAND_SENT_WRONG:
        if (read->changes == read->access.worker->changes) {
            go_the_long_way(read);
        } else {
            tell(read, RESULT_MISS);
        }
        break;
    default:
        tell(read, answer->reply.result == RESULT_TOO_MANY_REQUESTS ? RESULT_TOO_MANY_REQUESTS : RESULT_MISS);
        break;
    }
}

/* --- its beginning --- */

/* Whether it changes nothing, whatever it finds. */
static bool is_plain(const struct request *request) {
    return request->command == COMMAND_GET && request->peer == NULL && request->conditions == NULL &&
           (request->options & (REQUEST_VIVIFY | REQUEST_TOUCH | REQUEST_RECACHE | REQUEST_MAY_WIN)) == 0 &&
           request->key.size <= REQUEST_KEY_MAX;
}

static void take(struct shared_read *read, const struct shared_access *a, const struct request *request,
                 unsigned group) {
    pending_init(&read->pending, a->completions, NULL, NULL, free_read);
    read->pending.reply.group = group;
    read->access = *a;
    read->access.memory.ret_expired = NULL; /* shared_start sees to them */
    read->access.memory.ret_cut = NULL;
    read->options = request->options;
    read->compare = request->compare;
    read->deadline_ns = request->deadline_ns != 0 ? request->deadline_ns : a->now_ns + a->worker->shared->timeout_ns;
    read->changes = a->worker->changes;
    read->group = a->memory.policy->index;
    read->key_size = request->key.size;
    memcpy(read->data, request->key.data, request->key.size);
    pending_within(&read->pending, request->scope);
}

bool shared_read(const struct shared_access *a, const struct request *request, uint16_t member, bool keeps,
                 struct reply *reply) {
    struct shared_worker *w = a->worker;
    struct peer_stamp stamp;
    struct shared_read *read;
    struct request sent;

    if (!is_plain(request) || w->ended) {
        return false;
    }
    read = new_read(w);
    if (read == NULL) {
        return false;
    }
    take(read, a, request, reply->group);
    read->copy.sent_ns = 0;
    if (keeps) {
        shared_copy_asked(&read->copy, w->view, member, a->now_ns);
    }
    stamp = keeper_stamp(w->view, false);
    stamp.keeps = keeps;
    sent = request_of(read);
    sent.peer = &stamp;
    pending_span_hop_begins(&read->pending, COMMAND_GET, &sent.trace);
    if (peers_submit(w->peers, member, &sent, on_answer, read) != LARDER_OK) {
        pending_span_hop_ended(&read->pending, LARDER_ERROR_REFUSED, RESULT_MISS);
        trace_scope_unref(read->pending.scope);
        free_read(&read->pending);
        return false;
    }
    reply->result = RESULT_PENDING;
    reply->pending = &read->pending;
    return true;
}
