/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line_entry.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "library/etcd/status.h"
#include "library/memory.h"

/* --- asking --- */

/* Nobody else writes the key, so what was lost on the way is sent again. */
static void put(struct line_entry *e, struct inquiry *question, const struct line_txn *txn) {
    inquiry_init(question);
    question->call.op = txn->op;
    question->call.retry_unknown = true;
    inquiry_put(question, &e->asker);
}

static enum larder_status ask(struct line_entry *e, enum line_step step) {
    e->step = step;
    switch (step) {
    case LINE_JOINING:
        line_txn_join(&e->asked, e->place, e->value, e->end);
        break;
    case LINE_REWRITING:
        line_txn_rewrite(&e->asked, e->place, e->value);
        break;
    case LINE_LOOKING:
    case LINE_WATCHING:
        line_txn_look(&e->asked, e->place, e->end);
        break;
    }
    put(e, &e->question, &e->asked);
    return LARDER_NOTHING;
}

/* --- hearing --- */

static const struct store_result *part(const struct line_entry *e, size_t i) {
    return &e->question.call.result.results[i];
}

/* Who found his own key there keeps its place, with the value that he has now. */
static enum larder_status joined(struct line_entry *e) {
    const struct store_result *first = part(e, 1);
    const struct kv *own = part(e, 0)->kvs;
    bool was_there = !e->question.call.result.succeeded;

    e->place->revision = was_there ? own->create_revision : e->question.call.revision;
    if (was_there && !slice_equal(own->value, e->value)) {
        return ask(e, LINE_REWRITING);
    }
    return first->kv_count == 0 || first->kvs[0].create_revision == e->place->revision ? LARDER_DONE
                                                                                       : ask(e, LINE_LOOKING);
}

static enum larder_status rewritten(struct line_entry *e) {
    return e->question.call.result.succeeded ? ask(e, LINE_LOOKING) : LARDER_ERR_LOST;
}

/* In the same moment it was seen that the place is still there. */
static enum larder_status looked(struct line_entry *e) {
    struct store_watch wish = {.start_revision = e->question.call.revision + 1, .no_put = true};
    enum larder_status status;

    if (!e->question.call.result.succeeded) {
        return LARDER_ERR_LOST;
    }
    if (part(e, 0)->kv_count == 0) {
        return LARDER_DONE;
    }
    if (clock_monotonic_ns() >= e->deadline_ns) {
        return LARDER_TAKEN;
    }
    wish.span.key = part(e, 0)->kvs[0].key;
    status = watch_open(e->asker.client, &wish, e->asker.fd, &e->watch);
    e->step = LINE_WATCHING;
    return status == LARDER_DONE ? LARDER_NOTHING : status;
}

static bool is_passing(enum larder_status status) {
    return status == LARDER_ERR_UNAVAILABLE || status == LARDER_ERR_TIMEOUT || status == LARDER_ERR_UNKNOWN;
}

/* The cluster may come back while the lease lives, and there is time. */
static enum larder_status failed(struct line_entry *e, enum larder_status status) {
    if (status == LARDER_ERR_NO_LEASE || (is_passing(status) && place_status(e->place) != LARDER_DONE)) {
        return LARDER_ERR_LOST;
    }
    return is_passing(status) && clock_monotonic_ns() < e->deadline_ns ? ask(e, e->step) : status;
}

static enum larder_status hear(struct line_entry *e) {
    enum larder_status status = status_of(e->question.call.status);

    if (status != LARDER_DONE) {
        return failed(e, status);
    }
    switch (e->step) {
    case LINE_JOINING:
        return joined(e);
    case LINE_REWRITING:
        return rewritten(e);
    case LINE_LOOKING:
    case LINE_WATCHING:
        break;
    }
    return looked(e);
}

/* Progress alone is no deletion; a watch that ends, because of a compaction for instance, is a reason to look. */
static enum larder_status watched(struct line_entry *e) {
    if (place_status(e->place) != LARDER_DONE) {
        return LARDER_ERR_LOST;
    }
    if (e->watch->batch.count == 0 && e->watch->batch.status == STORE_OK) {
        watch_done(e->watch);
        return LARDER_NOTHING;
    }
    larder_etcd_watch_free(e->watch);
    e->watch = NULL;
    return ask(e, LINE_LOOKING);
}

/* The flag, which is lowered for a look at the watch, is of the lease's loss as well. */
static bool has_come(struct line_entry *e) {
    return e->watch != NULL ? watch_wait(e->watch, 0) || place_status(e->place) != LARDER_DONE
                            : inquiry_wait(&e->question, false);
}

static void explain(const struct line_entry *e, char *ret_message) {
    const struct store_call *call = &e->question.call;

    if (ret_message == NULL) {
        return;
    }
    if (e->outcome < 0 && status_of(call->status) == e->outcome) {
        status_explain(e->asker.client->cluster, call->status, call->etcd_error, ret_message);
    } else {
        client_say(ret_message, e->outcome, larder_strerror(e->outcome));
    }
}

enum larder_status line_entry_next(struct line_entry *e, char *ret_message) {
    while (e->outcome == LARDER_NOTHING && has_come(e)) {
        e->outcome = e->watch != NULL ? watched(e) : hear(e);
    }
    explain(e, ret_message);
    return e->outcome;
}

bool line_entry_wait(struct line_entry *e) {
    struct pollfd fd = {.fd = e->asker.fd, .events = POLLIN};
    int left_ms;

    if (e->watch == NULL) {
        return inquiry_wait(&e->question, true);
    }
    left_ms = watch_left_ms(e->deadline_ns);
    return left_ms != 0 && (poll(&fd, 1, left_ms) >= 0 || errno == EINTR);
}

/* --- coming and going --- */

static void release(struct asker *asker) {
    struct line_entry *e = (struct line_entry *)(void *)asker;
    const struct larder_allocator *allocator = &asker->client->allocator;

    inquiry_fini(&e->question);
    inquiry_fini(&e->farewell);
    if (e->place != NULL) {
        place_drop(e->place, allocator);
    }
    asker_fini(asker);
    memory_free(allocator, e);
}

static enum larder_status make(struct place *place, struct slice value, struct line_entry **ret_entry) {
    struct larder_etcd *client = place->lease->client;
    struct line_entry *e = memory_new(&client->allocator, sizeof(*e) + value.size + place->prefix_size);
    char *texts;

    if (e == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    if (!asker_init(&e->asker, client, release)) {
        memory_free(&client->allocator, e);
        return LARDER_ERR_SYSTEM;
    }
    texts = (char *)(e + 1);
    if (value.size > 0) {
        memcpy(texts, value.data, value.size);
    }
    e->value = slice_make(texts, value.size);
    e->end = texts + value.size;
    e->place = place;
    e->outcome = LARDER_NOTHING;
    *ret_entry = e;
    return LARDER_DONE;
}

enum larder_status line_entry_new(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                  struct slice value, int64_t deadline_ns, struct line_entry **ret_entry,
                                  char *ret_message) {
    struct place *place;
    enum larder_status status = place_new(lease, name, name_size, &place, ret_message);

    if (status != LARDER_DONE) {
        return status;
    }
    status = make(place, value, ret_entry);
    if (status != LARDER_DONE) {
        place_free(place);
        return client_say(ret_message, status, larder_strerror(status));
    }
    (*ret_entry)->deadline_ns = deadline_ns;
    place_set_flag(place, (*ret_entry)->asker.fd);
    (void)ask(*ret_entry, LINE_JOINING);
    return client_say(ret_message, LARDER_DONE, "");
}

enum larder_status line_entry_hand(struct line_entry *e, struct place **ret_place, char *ret_message) {
    enum larder_status status;

    if (client_is_foreign(e->asker.client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    if (e->place == NULL) {
        return client_say(ret_message, LARDER_ERR_ENDED, larder_strerror(LARDER_ERR_ENDED));
    }
    status = line_entry_next(e, ret_message);
    if (status == LARDER_DONE) {
        *ret_place = line_entry_take(e);
    }
    return status;
}

struct place *line_entry_take(struct line_entry *e) {
    struct place *place = e->place;

    place_set_flag(place, -1);
    e->place = NULL;
    return place;
}

bool line_entry_is_in(const struct line_entry *e) {
    return e->place->revision != 0 || e->outcome == LARDER_NOTHING || e->outcome == LARDER_ERR_UNKNOWN;
}

/* What is deleted is deleted after what is put, as long as that may take: of one key one write is under way at a time. */
void line_entry_free(struct line_entry *e) {
    if (e == NULL) {
        return;
    }
    larder_etcd_watch_free(e->watch);
    e->watch = NULL;
    if (e->place != NULL && !client_is_foreign(e->asker.client)) {
        if (line_entry_is_in(e) && place_status(e->place) == LARDER_DONE) {
            line_txn_leave(&e->left, e->place);
            put(e, &e->farewell, &e->left);
        }
        place_unlist(e->place);
    }
    asker_leave(&e->asker);
}
