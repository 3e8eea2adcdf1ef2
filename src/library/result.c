/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "library/pool.h"

const char *larder_version(void) {
    return LARDER_VERSION;
}

const char *larder_strerror(enum larder_status status) {
    static const char *const answers[] = {"done",
                                          "hit",
                                          "miss",
                                          "stored",
                                          "not stored",
                                          "exists",
                                          "not found",
                                          "deleted",
                                          "touched",
                                          "counted",
                                          "nothing came in the time",
                                          "somebody else has it"};
    static const char *const errors[] = {
        "out of memory",
        "invalid argument",
        "a key has 1 to 250 bytes without blanks and control characters",
        "too large",
        "the buffer is too small",
        "the server's name could not be looked up",
        "no connection could be made",
        "the connection broke",
        "timed out",
        "the server's answer makes no sense",
        "refused by the server",
        "the server is left out after failures",
        "all servers are left out after failures",
        "all connections are in use",
        "made before a fork, by the parent process",
        "unknown",
        "the system refused",
        "the cluster cannot be reached",
        "the answer was lost: the write may have been done or not",
        "the cluster refuses the user, or what the user asks",
        "the revision has been compacted",
        "the revision is a future one",
        "there is no such lease",
        "there is a lease of that number",
        "the store is full",
        "the lease is gone, and what hung on it",
        "it has ended",
    };
    int number = (int)status;

    if (number >= 0) {
        return number < (int)(sizeof(answers) / sizeof(answers[0])) ? answers[number] : "unknown";
    }
    return number >= -(int)(sizeof(errors) / sizeof(errors[0])) ? errors[-number - 1] : "unknown";
}

void larder_result_free(struct larder_result *result) {
    if (result->memory != NULL) {
        result->allocator.release(result->allocator.ctx, result->memory);
    }
    *result = LARDER_RESULT_INIT;
}

enum larder_status result_begin(struct larder_result *r, enum larder_status status) {
    r->status = status;
    r->flags = 0;
    r->cas = r->number = 0;
    r->value = NULL;
    r->value_size = 0;
    r->message[0] = '\0';
    if (status < 0) {
        snprintf(r->message, sizeof(r->message), "%s", larder_strerror(status));
    }
    return status;
}

static void keep_value(struct larder_result *r, const struct larder_allocator *a, const struct larder_answer *answer) {
    if (r->memory == NULL || r->capacity <= answer->value_size) {
        /* What it had is not needed any more, so nothing is copied. */
        if (r->memory != NULL) {
            r->allocator.release(r->allocator.ctx, r->memory);
        }
        r->memory = a->allocate(a->ctx, answer->value_size + 1);
        r->allocator = *a;
        r->capacity = r->memory == NULL ? 0 : answer->value_size + 1;
    }
    if (r->memory == NULL) {
        result_begin(r, LARDER_ERR_NO_MEMORY);
        return;
    }
    memcpy(r->memory, answer->value, answer->value_size);
    ((char *)r->memory)[answer->value_size] = '\0';
    r->value = r->memory;
    r->value_size = answer->value_size;
}

void result_take(struct larder_result *r, const struct larder_allocator *a, const struct larder_answer *answer) {
    result_begin(r, answer->status);
    r->flags = answer->flags;
    r->cas = answer->cas;
    r->number = answer->number;
    if (answer->status < 0) {
        snprintf(r->message, sizeof(r->message), "%.64s%s%.90s", answer->server, answer->server[0] != '\0' ? ": " : "",
                 answer->message);
    } else if (answer->status == LARDER_HIT) {
        keep_value(r, a, answer);
    }
}
