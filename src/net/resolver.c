/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolver.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/background.h"
#include "net/mailbox.h"

/* A name goes to the thread as a job and comes back as a message; what needs no thread is a message at once. */
struct resolver {
    struct background *background;
    struct mailbox *mailbox;
    unsigned waiting; /* names that are with the thread */
    atomic_bool ending;
};

/* The thread's from background_post to mailbox_post, but for what the loop's thread alone looks at, and `forgotten`. */
struct resolution {
    struct background_job job;      /* first */
    struct mailbox_message message; /* the thread's, until it posts it */
    struct resolver *resolver;
    struct address address;
    resolver_fn *done;
    void *ctx;
    bool waits; /* counted in `waiting` */
    atomic_bool forgotten;
    enum larder_error error;
    size_t count;
    struct endpoint endpoints[RESOLUTION_ENDPOINTS_MAX];
};

static bool is_wanted(struct resolution *r) {
    return !atomic_load(&r->forgotten) && !atomic_load(&r->resolver->ending);
}

static void answer(struct mailbox_message *message) {
    struct resolution *r = (struct resolution *)((char *)message - offsetof(struct resolution, message));

    if (r->waits) {
        r->resolver->waiting--;
    }
    if (is_wanted(r)) {
        r->done(r->ctx, r->error, r->endpoints, r->count);
    }
    free(r);
}

static void look_up(struct resolution *r) {
    r->error = endpoint_resolve(&r->address, r->endpoints, RESOLUTION_ENDPOINTS_MAX, &r->count);
    if (r->error != LARDER_OK) {
        r->count = 0;
    }
}

static void run(struct background_job *job) {
    struct resolution *r = (struct resolution *)job;

    if (is_wanted(r)) { /* else a name server that is slow need not hold up the next name */
        look_up(r);
    }
    mailbox_post(r->resolver->mailbox, &r->message);
}

struct resolver *resolver_new(struct loop *loop) {
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL) {
        return NULL;
    }
    resolver->background = background_new();
    resolver->mailbox = mailbox_new(loop);
    if (resolver->background == NULL || resolver->mailbox == NULL) {
        resolver_free(resolver);
        return NULL;
    }
    return resolver;
}

void resolver_free(struct resolver *resolver) {
    if (resolver == NULL) {
        return;
    }
    atomic_store(&resolver->ending, true);
    background_free(resolver->background);
    mailbox_free(resolver->mailbox);
    free(resolver);
}

static void begin(struct resolution *r) {
    struct resolver *resolver = r->resolver;

    if (r->address.kind != ADDRESS_NAME) {
        look_up(r);
    } else if (resolver->waiting == RESOLVER_WAITING_MAX) {
        r->error = LARDER_ERROR_LIMIT;
    } else {
        r->waits = true;
        resolver->waiting++;
        if (background_post(resolver->background, &r->job)) {
            return;
        }
        r->error = LARDER_ERROR_NO_MEMORY; /* no thread could be started */
    }
    mailbox_post(resolver->mailbox, &r->message);
}

struct resolution *resolver_find(struct resolver *resolver, const struct address *address, resolver_fn *done,
                                 void *ctx) {
    struct resolution *r = calloc(1, sizeof(*r));

    if (r != NULL) {
        r->job.run = run;
        r->message.run = answer;
        r->resolver = resolver;
        r->address = *address;
        r->done = done;
        r->ctx = ctx;
        begin(r);
    }
    return r;
}

void resolution_forget(struct resolution *resolution) {
    atomic_store(&resolution->forgotten, true);
}
