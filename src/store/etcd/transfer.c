/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/transfer.h"

#include <stdlib.h>

#include "store/etcd/flow.h"
#include "store/etcd/internal.h"

enum { REQUEST_MAX = 1 << 20 };

struct piece {
    struct piece *next;
    size_t size;
    char bytes[];
};

struct etcd_transfer {
    struct etcd_errand open;
    struct etcd_errand resume;
    struct etcd_errand close; /* the last of them: frees it */
    struct store *store;
    const struct etcd_method *method;
    int64_t timeout_ns;
    void (*wake)(void *ctx);
    void *ctx;
    struct piece *taken; /* what etcd_transfer_next has handed out */

    struct etcd_flow *flow; /* the engine's thread */
    struct arena arena;     /* request and token, for the beginning */
    ProtobufCMessage *request;
    struct slice token;

    pthread_mutex_t lock; /* over what follows; no other is taken under it, and wake is called under it */
    struct piece *first;
    struct piece **end;
    size_t waiting; /* bytes */
    bool is_held;
    bool is_resuming; /* `resume` is posted and has not run: an errand lies in one list at a time */
    bool is_closed;
    bool has_ended;
    struct etcd_transfer_end how;
    char text[ETCD_MEMBER_TEXT_MAX];
};

static struct etcd_transfer *of(struct etcd_errand *errand, size_t offset) {
    return (struct etcd_transfer *)(void *)((char *)errand - offset);
}

/* --- on the engine's thread --- */

/* Under the lock. */
static void end(struct etcd_transfer *t, enum store_status status, enum grpc_status grpc, struct slice text) {
    size_t size = text.size < sizeof(t->text) ? text.size : sizeof(t->text);

    if (size > 0) {
        memcpy(t->text, text.data, size);
    }
    t->has_ended = true;
    t->how = (struct etcd_transfer_end){.status = status, .grpc = grpc, .text = slice_make(t->text, size)};
    if (!t->is_closed) {
        t->wake(t->ctx);
    }
}

/* Under the lock. True: the member shall wait. */
static bool add(struct etcd_transfer *t, struct slice bytes) {
    struct piece *piece = malloc(sizeof(*piece) + bytes.size);

    if (piece == NULL) {
        end(t, STORE_NO_MEMORY, GRPC_OK, slice_make(NULL, 0));
        return false;
    }
    piece->next = NULL;
    piece->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(piece->bytes, bytes.data, bytes.size);
    }
    *t->end = piece;
    t->end = &piece->next;
    t->waiting += bytes.size;
    t->wake(t->ctx);
    if (t->waiting < ETCD_TRANSFER_HIGH || t->is_held) {
        return false;
    }
    t->is_held = true;
    return true;
}

static void on_message(void *ctx, struct slice bytes) {
    struct etcd_transfer *t = ctx;
    bool hold;

    pthread_mutex_lock(&t->lock);
    hold = !t->is_closed && !t->has_ended && add(t, bytes);
    pthread_mutex_unlock(&t->lock);
    if (hold) {
        etcd_flow_hold(t->flow, true);
    }
}

static void on_end(void *ctx, enum grpc_status status, struct slice text) {
    struct etcd_transfer *t = ctx;

    pthread_mutex_lock(&t->lock);
    if (!t->has_ended) {
        end(t, STORE_OK, status, text);
    }
    pthread_mutex_unlock(&t->lock);
}

static const struct etcd_flow_events events = {.on_message = on_message, .on_end = on_end};

static void run_open(struct store *store, struct etcd_errand *errand) {
    struct etcd_transfer *t = of(errand, offsetof(struct etcd_transfer, open));
    struct etcd_client *client = etcd_store_client(store);
    enum store_status status = STORE_CLOSED;

    if (client != NULL) {
        t->flow = etcd_flow_open(client, t->method, t->request, t->token, t->timeout_ns, &events, t, &status);
    }
    if (t->flow == NULL) {
        pthread_mutex_lock(&t->lock);
        end(t, status, GRPC_OK, slice_make(NULL, 0));
        pthread_mutex_unlock(&t->lock);
    }
}

static void run_resume(struct store *store, struct etcd_errand *errand) {
    struct etcd_transfer *t = of(errand, offsetof(struct etcd_transfer, resume));

    (void)store;
    pthread_mutex_lock(&t->lock);
    t->is_held = false;
    t->is_resuming = false;
    pthread_mutex_unlock(&t->lock);
    if (t->flow != NULL && etcd_store_client(store) != NULL) {
        etcd_flow_hold(t->flow, false);
    }
}

static void free_transfer(struct etcd_transfer *t) {
    while (t->first != NULL) {
        struct piece *piece = t->first;

        t->first = piece->next;
        free(piece);
    }
    free(t->taken);
    arena_fini(&t->arena);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void run_close(struct store *store, struct etcd_errand *errand) {
    struct etcd_transfer *t = of(errand, offsetof(struct etcd_transfer, close));

    (void)store;
    etcd_flow_close(t->flow);
    free_transfer(t);
}

/* --- on the other thread --- */

/* Both may be gone before the errand is run. */
static bool keep_request(struct etcd_transfer *t, const ProtobufCMessage *request, struct slice token) {
    size_t size = protobuf_c_message_get_packed_size(request);
    char *bytes = arena_alloc(&t->arena, size > 0 ? size : 1);

    if (bytes == NULL || !arena_copy(&t->arena, token, &t->token)) {
        return false;
    }
    protobuf_c_message_pack(request, (uint8_t *)bytes);
    t->request = etcd_message_unpack(t->method->request, slice_make(bytes, size), &t->arena);
    return t->request != NULL;
}

struct etcd_transfer *etcd_transfer_open(struct store *s, const struct etcd_method *method,
                                         const ProtobufCMessage *request, struct slice token, int64_t timeout_ns,
                                         void (*wake)(void *ctx), void *ctx) {
    struct etcd_transfer *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    t->open.run = run_open;
    t->resume.run = run_resume;
    t->close.run = run_close;
    t->store = s;
    t->method = method;
    t->timeout_ns = timeout_ns;
    t->wake = wake;
    t->ctx = ctx;
    t->end = &t->first;
    arena_init(&t->arena, REQUEST_MAX);
    pthread_mutex_init(&t->lock, NULL);
    if (!keep_request(t, request, token)) {
        free_transfer(t);
        return NULL;
    }
    etcd_store_post(s, &t->open);
    return t;
}

bool etcd_transfer_next(struct etcd_transfer *t, struct slice *ret_message) {
    struct piece *piece;
    bool resume = false;

    free(t->taken);
    pthread_mutex_lock(&t->lock);
    piece = t->first;
    if (piece != NULL) {
        t->first = piece->next;
        t->end = t->first == NULL ? &t->first : t->end;
        t->waiting -= piece->size;
        resume = t->is_held && !t->is_resuming && t->waiting <= ETCD_TRANSFER_LOW;
        t->is_resuming |= resume;
    }
    pthread_mutex_unlock(&t->lock);
    t->taken = piece;
    if (resume) {
        etcd_store_post(t->store, &t->resume);
    }
    if (piece != NULL) {
        *ret_message = slice_make(piece->bytes, piece->size);
    }
    return piece != NULL;
}

bool etcd_transfer_ended(struct etcd_transfer *t, struct etcd_transfer_end *ret_end) {
    bool has_ended;

    pthread_mutex_lock(&t->lock);
    has_ended = t->has_ended && t->first == NULL;
    *ret_end = t->how;
    pthread_mutex_unlock(&t->lock);
    return has_ended;
}

void etcd_transfer_close(struct etcd_transfer *t) {
    if (t == NULL) {
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->is_closed = true;
    pthread_mutex_unlock(&t->lock);
    etcd_store_post(t->store, &t->close);
}
