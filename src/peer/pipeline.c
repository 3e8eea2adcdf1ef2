/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/pipeline.h"

#include <assert.h>
#include <stdlib.h>

#include "base/number.h"
#include "proto/memcached/command_encode.h"
#include "proto/memcached/peer_encode.h"
#include "proto/memcached/response.h"

enum { READ_SIZE = 16384 };

enum larder_error pipeline_init(struct pipeline *p, const struct pipeline_limits *limits) {
    assert(limits->pending > 0);
    *p = (struct pipeline){.limits = *limits, .next_deadline_ns = INT64_MAX};
    p->slots = calloc(limits->pending, sizeof(*p->slots));
    if (p->slots == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    buf_init(&p->output, limits->output);
    buf_init(&p->input, limits->value + MC_RESPONSE_LINE_MAX + 2 + READ_SIZE);
    return LARDER_OK;
}

void pipeline_fini(struct pipeline *p) {
    assert(p->waiting == 0);
    buf_fini(&p->output);
    buf_fini(&p->input);
    free(p->slots);
}

static struct pipeline_slot *slot_at(struct pipeline *p, size_t index) {
    return &p->slots[(p->first + index) % p->limits.pending];
}

enum larder_error pipeline_submit(struct pipeline *p, const struct request *request, const struct pipeline_now *now,
                                  pipeline_done_fn *done, void *ctx) {
    uint64_t begins_at = p->sent + p->output.size;
    enum larder_error error;

    assert(done != NULL);
    if (p->count == p->limits.pending) {
        return LARDER_ERROR_LIMIT;
    }
    error = request->peer != NULL ? peer_request_encode(&p->output, request, p->next_opaque, now->monotonic_ns)
                                  : command_encode(&p->output, request, p->next_opaque, now->unix_s);
    if (error != LARDER_OK) {
        return error;
    }
    *slot_at(p, p->count++) = (struct pipeline_slot){
        .done = done,
        .ctx = ctx,
        .deadline_ns = request->deadline_ns,
        .opaque = p->next_opaque++,
        .heard = p->heard,
        .begins_at = begins_at,
        .command = request->command,
        .to_peer = request->peer != NULL,
        .out_of_turn = request->peer != NULL && (request->options & REQUEST_OUT_OF_TURN) != 0,
    };
    p->waiting++;
    p->out_of_turn += slot_at(p, p->count - 1)->out_of_turn;
    if (request->deadline_ns < p->next_deadline_ns) {
        p->next_deadline_ns = request->deadline_ns;
    }
    return LARDER_OK;
}

struct slice pipeline_output(const struct pipeline *p) {
    return buf_slice(&p->output);
}

void pipeline_sent(struct pipeline *p, size_t count) {
    p->sent += count;
    buf_consume(&p->output, count);
}

enum larder_error pipeline_input(struct pipeline *p, char **ret_data, size_t *ret_size) {
    size_t missing = p->needed > p->input.size ? p->needed - p->input.size : 0;
    enum larder_error error = buf_reserve(&p->input, missing > READ_SIZE ? missing : READ_SIZE);

    if (error != LARDER_OK) {
        return error;
    }
    *ret_data = p->input.data + p->input.size;
    *ret_size = p->input.capacity - p->input.size;
    return LARDER_OK;
}

static void call(struct pipeline *p, struct pipeline_slot slot, enum larder_error error, const struct answer *answer) {
    if (slot.done != NULL) {
        p->failed += error != LARDER_OK;
        slot.done(slot.ctx, error, answer);
    }
}

/* Takes the oldest slot out. */
static struct pipeline_slot pop(struct pipeline *p) {
    struct pipeline_slot slot = *slot_at(p, 0);

    p->first = (p->first + 1) % p->limits.pending;
    p->count--;
    p->waiting -= slot.done != NULL;
    p->out_of_turn -= slot.out_of_turn;
    return slot;
}

/* Which request a response is to; p->count: none. Only what may come out of turn is known by its opaque; all else is answered
 * in the order it was asked in. */
static size_t find(struct pipeline *p, const struct mc_response *response) {
    struct slice token;
    uint64_t opaque;
    size_t index = 0;

    if (p->out_of_turn == 0) {
        return 0;
    }
    if (mc_response_flag(response, 'O', &token) && number_parse_u64(token, &opaque)) {
        uint64_t first = slot_at(p, 0)->opaque;

        if (opaque >= first && opaque - first < p->count && slot_at(p, (size_t)(opaque - first))->out_of_turn) {
            return slot_at(p, (size_t)(opaque - first))->answered ? p->count : (size_t)(opaque - first);
        }
    }
    while (index < p->count && slot_at(p, index)->out_of_turn) {
        index++;
    }
    return index;
}

/* It has been answered: it gives its place up, or leaves it empty behind others. */
static void leave(struct pipeline *p, size_t index) {
    struct pipeline_slot *slot = slot_at(p, index);

    if (index == 0) {
        pop(p);
    } else {
        p->waiting -= slot->done != NULL;
        slot->done = NULL;
        slot->answered = true;
    }
    while (p->count > 0 && slot_at(p, 0)->answered) {
        pop(p);
    }
}

static enum larder_error match(struct pipeline *p, const struct mc_response *response) {
    size_t index = find(p, response);
    struct pipeline_slot slot;
    struct answer answer;
    enum larder_error error;

    if (index == p->count) {
        return mc_response_is_error(response) && p->count == 0 ? LARDER_ERROR_REFUSED : LARDER_ERROR_PROTOCOL;
    }
    slot = *slot_at(p, index);
    error = slot.to_peer ? answer_read_peer(slot.command, slot.opaque, response, &answer)
                         : answer_read(slot.command, slot.opaque, response, &answer);
    if (error != LARDER_OK) {
        return error;
    }
    p->heard++;
    p->timeouts = 0;
    if (!answer.more) {
        leave(p, index);
    }
    call(p, slot, LARDER_OK, &answer);
    return LARDER_OK;
}

enum larder_error pipeline_received(struct pipeline *p, size_t count) {
    enum larder_error error = LARDER_OK;
    size_t used = 0;

    p->input.size += count;
    assert(p->input.size <= p->input.capacity);
    if (p->input.size < p->needed) {
        return LARDER_OK;
    }
    while (error == LARDER_OK && used < p->input.size) {
        struct slice rest = slice_skip(buf_slice(&p->input), used);
        struct mc_response response;
        size_t size;

        error = mc_response_decode(rest, p->limits.value, &response, &size);
        if (error == LARDER_OK && size > rest.size) {
            p->needed = size;
            break;
        }
        if (error == LARDER_OK) {
            p->needed = 0;
            used += size;
            error = match(p, &response);
        }
    }
    buf_consume(&p->input, used);
    return error;
}

bool pipeline_expire(struct pipeline *p, int64_t now_ns) {
    int64_t next = INT64_MAX;
    size_t count = p->count;

    if (now_ns < p->next_deadline_ns) {
        return false;
    }
    /* What `done` submits lowers it again. */
    p->next_deadline_ns = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct pipeline_slot *slot = slot_at(p, i);
        struct pipeline_slot expired = *slot;

        if (slot->done == NULL) {
            continue;
        }
        if (slot->deadline_ns > now_ns) {
            next = slot->deadline_ns < next ? slot->deadline_ns : next;
            continue;
        }
        slot->done = NULL;
        p->waiting--;
        p->timeouts += !slot->out_of_turn; /* which may wait for something else than the node */
        call(p, expired, LARDER_ERROR_TIMEOUT, NULL);
    }
    if (next < p->next_deadline_ns) {
        p->next_deadline_ns = next;
    }
    return p->count > 0 && p->waiting == 0 && slot_at(p, 0)->heard == p->heard;
}

int64_t pipeline_deadline(const struct pipeline *p) {
    return p->waiting == 0 ? INT64_MAX : p->next_deadline_ns;
}

void pipeline_fail(struct pipeline *p, enum larder_error error, enum larder_error unsent) {
    uint64_t sent = p->sent;
    size_t count = p->count;

    p->sent += p->output.size;
    p->timeouts = 0;
    p->output.size = 0;
    p->input.size = 0;
    p->needed = 0;
    p->next_deadline_ns = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct pipeline_slot slot = pop(p);

        call(p, slot, slot.begins_at < sent ? error : unsent, NULL);
    }
}
