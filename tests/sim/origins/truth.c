/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

#include "proto/http/chars.h"

/* What may be answered, by the origin's own records and nothing that the nodes have made of them.
 *
 * What was asked of the origin before some moment is void for all who ask after a change that began after that moment was
 * acknowledged; so is what was written by a set that was acknowledged before the change began. */

#define LONGEST_NS (2 * PEER_TIMEOUT_NS + 4 * ORIGIN_TIMEOUT_NS)

/* --- changes --- */

void truth_begin(struct op *op) {
    op->floor_ns = world->keys[op->key].floor_ns;
    for (size_t i = 0; i < NODES; i++) {
        op->node_floor_ns[i] = world->nodes[i].floor_ns[op->key];
    }
    op->seen_ns = world->keys[op->key].seen_ns;
    seeds_trace(&world->sim, "request %" PRIu64 " at node %d: kind %d, key %zu%s", op->id, op->node->index,
                (int)op->kind, op->key, op->is_plain ? "" : ", with wishes");
}

static void end_purge(const struct op *op, size_t key) {
    truth_raise(&world->keys[key].floor_ns, op->began_ns);
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];

        if (node->alive && node->purge_began_ns[key] >= op->began_ns) {
            truth_raise(&node->floor_ns[key], op->began_ns);
        }
    }
}

static void end_change(const struct op *op, enum result result) {
    if (op->kind == OP_PURGE && result == RESULT_DONE) {
        for (size_t key = 0; key < KEYS; key++) {
            if (prefix_has(op->prefix, key)) {
                end_purge(op, key);
            }
        }
    } else if ((op->kind == OP_DELETE && (result == RESULT_DELETED || result == RESULT_NOT_FOUND)) ||
               (op->kind == OP_SET && result == RESULT_STORED)) {
        truth_raise(&world->keys[op->key].floor_ns, op->began_ns);
        if (op->kind == OP_SET) {
            world->primes[op->primed].ended_ns = world_now();
        }
    }
}

/* --- results --- */

static void check_result(const struct op *op, enum result result, unsigned status) {
    enum result right = status < 300                     ? RESULT_HIT
                        : status < 400                   ? RESULT_ORIGIN_REDIRECT
                        : status == 404 || status == 410 ? RESULT_ORIGIN_ABSENT
                        : status == 504                  ? RESULT_ORIGIN_TIMEOUT
                                                         : RESULT_ORIGIN_FAILED;

    ENSURE(result == right, "key %zu: status %u became result %d", op->key, status, (int)result);
}

static uint64_t number_behind(struct slice text, char mark) {
    const char *at = text.size > 0 ? memchr(text.data, mark, text.size < 40 ? text.size : 40) : NULL;

    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

static uint64_t answer_field(const struct origin_entry *e) {
    for (unsigned i = 0; i < e->fields.count; i++) {
        if (http_is_word(e->fields.all[i].name, SLICE("x-answer"))) {
            char text[24] = "";

            memcpy(text, e->fields.all[i].value.data, e->fields.all[i].value.size);
            return strtoull(text, NULL, 10);
        }
    }
    return 0;
}

static void check_answer(const struct op *op, const struct reply *reply) {
    struct origin_entry entry;
    struct told t = {.op = op, .entry = &entry, .stored = reply->stored || reply->source == REPLY_ORIGIN_HIT};

    ENSURE(origin_entry_read(reply->item.value, &entry) == LARDER_OK && entry.kind != ORIGIN_MARKER,
           "key %zu: what was answered is no answer", op->key);
    check_result(op, reply->result, entry.status);
    t.head = answer_field(&entry);
    world->hits++;
    if (t.head != 0) {
        t.body = number_behind(entry.body, 'n');
        truth_check_origins(&t);
    } else if (entry.body.size > 0) {
        truth_check_primed(&t, number_behind(entry.body, 's'));
    } else {
        truth_check_failed(&t);
    }
}

static void check_none(const struct op *op, enum result result) {
    world->failed++;
    switch (result) {
    case RESULT_NOT_CACHED:
        ENSURE(truth_wishes(op, HTTP_WISH_ONLY_IF_CACHED), "key %zu: nobody asked for what is cached alone", op->key);
        break;
    case RESULT_ORIGIN_TIMEOUT:
        ENSURE(truth_has_failed(op), "key %zu: the origin has not failed", op->key);
        break;
    case RESULT_ORIGIN_BUSY:
        ENSURE(!world->is_calm, "key %zu: the origin is said to be busy", op->key);
        break;
    default:
        ENSURE(false, "key %zu: a read ended with result %d", op->key, (int)result);
    }
}

void truth_answer(struct op *op, const struct reply *reply) {
    seeds_trace(&world->sim, "request %" PRIu64 " for key %zu, begun at %.6f: result %d", op->id, op->key,
                (double)(op->began_ns % (3600 * SIM_S)) / 1e9, (int)reply->result);
    ENSURE(!world->is_calm || op->kind == OP_PURGE || world_now() - op->began_ns < LONGEST_NS,
           "request %" PRIu64 " took %.3f s", op->id, (double)(world_now() - op->began_ns) / 1e9);
    if (op->kind != OP_READ) {
        end_change(op, reply->result);
    } else if (reply->item.head_size > 0) {
        check_answer(op, reply);
    } else {
        check_none(op, reply->result);
    }
}
