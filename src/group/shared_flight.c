/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "group/shared_op.h"

enum { BUCKETS = 4096 };

/* One question to a previous owner. It has a deadline of its own: whoever gives up waiting does not end it. */
struct shared_flight {
    struct shared_flight *next; /* in its bucket */
    struct shared_op *first;    /* who waits, in the order of coming */
    struct shared_op *last;
    struct shared_flights *flights;
    struct shared_worker *worker; /* over whose link it goes */
    struct keeper_view *view;
    struct table *table;
    unsigned group;
    uint64_t hash;
    uint32_t slot;
    uint16_t member; /* of the view; who is asked */
    bool discards;   /* what he gives is not put in */
    size_t key_size;
    char key[REQUEST_KEY_MAX];
};

struct shared_flights {
    pthread_mutex_t lock;
    atomic_size_t memory;
    struct shared_flight *buckets[BUCKETS];
};

enum larder_error shared_flights_new(struct shared_flights **ret_flights) {
    struct shared_flights *flights = calloc(1, sizeof(*flights));

    if (flights == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&flights->lock, NULL);
    atomic_init(&flights->memory, 0);
    *ret_flights = flights;
    return LARDER_OK;
}

void shared_flights_free(struct shared_flights *flights) {
    if (flights != NULL) {
        pthread_mutex_destroy(&flights->lock);
        free(flights);
    }
}

atomic_size_t *shared_flights_memory(struct shared_flights *flights) {
    return &flights->memory;
}

static struct slice key_of(const struct shared_flight *f) {
    return slice_make(f->key, f->key_size);
}

/* --- under the lock --- */

/* Only of the same view: what was asked by another one is not what this one needs to know. Members are counted alike in all
 * views of a serial. */
static bool is_for(const struct shared_flight *f, const struct shared_op *op) {
    return f->hash == op->hash && f->view->serial == op->errand.view->serial && f->member == op->errand.member &&
           f->discards == op->errand.discards && slice_equal(key_of(f), op->request.key);
}

static struct shared_flight *find(struct shared_flights *flights, const struct shared_op *op) {
    struct shared_flight *f = flights->buckets[op->hash % BUCKETS];

    while (f != NULL && !is_for(f, op)) {
        f = f->next;
    }
    return f;
}

static void join(struct shared_flight *f, struct shared_op *op) {
    op->flight = f;
    op->next_in_flight = NULL;
    *(f->last != NULL ? &f->last->next_in_flight : &f->first) = op;
    f->last = op;
}

static void insert(struct shared_flights *flights, struct shared_flight *f) {
    struct shared_flight **bucket = &flights->buckets[f->hash % BUCKETS];

    f->next = *bucket;
    *bucket = f;
}

static void take_out(struct shared_flight *f) {
    struct shared_flight **at = &f->flights->buckets[f->hash % BUCKETS];

    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
}

/* --- its end --- */

/* Everybody who waits hears of it, and goes on with his worker. */
static void land(struct shared_flight *f, enum errand_asked asked, int64_t revision) {
    struct shared_op *waiting;

    pthread_mutex_lock(&f->flights->lock);
    take_out(f);
    waiting = f->first;
    for (struct shared_op *op = waiting; op != NULL; op = op->next_in_flight) {
        op->asked = asked;
        op->revision = revision;
        op->flight = NULL;
    }
    pthread_mutex_unlock(&f->flights->lock);
    while (waiting != NULL) {
        struct shared_op *next = waiting->next_in_flight;

        pending_post(&waiting->pending);
        waiting = next;
    }
    keeper_view_unref(f->view);
    free(f);
}

static void install(struct shared_flight *f, const struct item *item) {
    struct memory_gate gate = {
        .keeper = f->worker->shared->keeper, .view = f->view, .slot = f->slot, .hot = f->worker->shared->hot};
    const struct memory_access memory = {
        .table = f->table,
        .policy = &(*f->worker->groups)->policies[f->group],
        .now = shared_table_seconds(f->worker->shared, clock_monotonic_ns()),
        .gate = &gate,
    };

    if (!f->discards) {
        memory_install(&memory, f->member, key_of(f), item);
    }
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    struct shared_flight *f = ctx;

    if (error != LARDER_OK) {
        land(f, ERRAND_ASKED_AWAY, 0);
        return;
    }
    switch (answer->reply.result) {
    case RESULT_HIT:
        install(f, &answer->reply.item);
        land(f, ERRAND_ASKED_ANSWERED, 0);
        break;
    case RESULT_MISS:
        land(f, ERRAND_ASKED_ANSWERED, 0);
        break;
    case RESULT_UNSETTLED:
        land(f, ERRAND_ASKED_UNSETTLED, 0);
        break;
    case RESULT_WRONG_EPOCH:
        land(f, ERRAND_ASKED_WRONG, answer->reply.revision);
        break;
    default:
        land(f, ERRAND_ASKED_AWAY, 0);
        break;
    }
}

/* --- its beginning --- */

static struct shared_flight *new_flight(struct shared_op *op) {
    struct shared_flight *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    f->flights = op->worker->shared->flights;
    f->worker = op->worker;
    f->view = keeper_view_ref(op->errand.view);
    f->table = op->memory.table;
    f->group = op->group;
    f->hash = op->hash;
    f->slot = op->errand.slot;
    f->member = op->errand.member;
    f->discards = op->errand.discards;
    f->key_size = op->request.key.size;
    memcpy(f->key, op->request.key.data, f->key_size);
    return f;
}

static void take_off(struct shared_flight *f) {
    const struct peer_stamp stamp = keeper_stamp(f->view, true);
    const struct request request = {
        .command = COMMAND_GET,
        .key = key_of(f),
        .deadline_ns = clock_monotonic_ns() + f->worker->shared->timeout_ns + hot_node_wait_ns(f->worker->shared->hot),
        .peer = &stamp,
    };
    uint16_t member = shared_member(f->worker, f->view, f->member);

    if (member == RING_NOBODY || peers_submit(f->worker->asks, member, &request, on_answer, f) != LARDER_OK) {
        land(f, ERRAND_ASKED_AWAY, 0);
    }
}

bool shared_fly(struct shared_op *op) {
    struct shared_flights *flights = op->worker->shared->flights;
    struct shared_flight *begun = NULL;
    struct shared_flight *f;

    pthread_mutex_lock(&flights->lock);
    f = find(flights, op);
    if (f == NULL) {
        f = begun = new_flight(op);
        if (f != NULL) {
            insert(flights, f);
        }
    }
    if (f != NULL) {
        join(f, op);
    }
    pthread_mutex_unlock(&flights->lock);
    if (begun != NULL) {
        take_off(begun);
    }
    return f != NULL;
}

bool shared_fly_leave(struct shared_op *op) {
    struct shared_flights *flights = op->worker->shared->flights;
    struct shared_flight *f;

    pthread_mutex_lock(&flights->lock);
    f = op->flight;
    if (f != NULL) {
        struct shared_op **at = &f->first;
        struct shared_op *before = NULL;

        while (*at != op) {
            before = *at;
            at = &before->next_in_flight;
        }
        *at = op->next_in_flight;
        if (f->last == op) {
            f->last = before;
        }
        op->flight = NULL;
    }
    pthread_mutex_unlock(&flights->lock);
    return f != NULL;
}
