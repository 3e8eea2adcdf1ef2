/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cohere/coherence_internal.h"

/* Calls that wait: each in one list, and in the heap of what is due. */

static void answer(struct store_call *call, enum store_status status) {
    call->status = status;
    call->done(call);
}

struct waiting *waiting_new(struct coherence *c, struct store_call *call) {
    struct waiting *w = c->free_waiting;

    if (c->waiting_count >= c->config.max_waiting) {
        answer(call, STORE_TOO_MANY_REQUESTS);
        return NULL;
    }
    if (w != NULL) {
        c->free_waiting = w->next;
    } else {
        w = malloc(sizeof(*w));
        if (w == NULL) {
            answer(call, STORE_NO_MEMORY);
            return NULL;
        }
    }
    *w = (struct waiting){.due = {.at_ns = INT64_MAX, .place = ETCD_DUE_NOWHERE}, .call = call};
    w->deadline_ns = call->deadline_ns != 0 ? call->deadline_ns : time_after(now_of(c), c->config.request_timeout_ns);
    c->waiting_count++;
    return w;
}

static void link_behind(struct waiting_list *list, struct waiting *w, struct waiting *previous) {
    w->list = list;
    w->previous = previous;
    w->next = previous != NULL ? previous->next : list->first;
    if (w->next != NULL) {
        w->next->previous = w;
    } else {
        list->last = w;
    }
    if (previous != NULL) {
        previous->next = w;
    } else {
        list->first = w;
    }
}

static void unlink_from_list(struct waiting *w) {
    if (w->list == NULL) {
        return;
    }
    if (w->previous != NULL) {
        w->previous->next = w->next;
    } else {
        w->list->first = w->next;
    }
    if (w->next != NULL) {
        w->next->previous = w->previous;
    } else {
        w->list->last = w->previous;
    }
    w->list = NULL;
    w->next = NULL;
    w->previous = NULL;
}

static bool set_due(struct coherence *c, struct waiting *w, int64_t due_ns) {
    if (due_ns == INT64_MAX) {
        etcd_due_remove(&c->due, &w->due);
        return true;
    }
    if (w->due.place != ETCD_DUE_NOWHERE) {
        if (w->due.at_ns != due_ns) {
            etcd_due_move(&c->due, &w->due, due_ns);
        }
        return true;
    }
    w->due.at_ns = due_ns;
    return etcd_due_add(&c->due, &w->due);
}

bool waiting_put(struct coherence *c, struct waiting *w, enum waiting_kind kind, struct waiting_list *list,
                 int64_t due_ns) {
    unlink_from_list(w);
    w->kind = kind;
    if (!set_due(c, w, due_ns)) {
        return false;
    }
    if (list != NULL) {
        link_behind(list, w, list->last);
    }
    return true;
}

bool waiting_for_applied(struct coherence *c, struct waiting *w, enum waiting_kind kind, int64_t need, int64_t due_ns) {
    struct waiting *previous;

    if (!waiting_put(c, w, kind, NULL, due_ns)) {
        return false;
    }
    w->need = need;
    for (previous = c->behind.last; previous != NULL && previous->need > need; previous = previous->previous) {
    }
    link_behind(&c->behind, w, previous);
    return true;
}

void waiting_take(struct coherence *c, struct waiting *w) {
    etcd_due_remove(&c->due, &w->due);
    unlink_from_list(w);
}

void waiting_end(struct coherence *c, struct waiting *w, enum store_status status) {
    struct store_call *call = w->call;

    waiting_take(c, w);
    w->next = c->free_waiting;
    c->free_waiting = w;
    c->waiting_count--;
    answer(call, status);
}

static void is_due(struct coherence *c, struct waiting *w, int64_t now_ns) {
    if (w->kind == WAITING_ACK) {
        pass_answer(c, w, true);
    } else if (w->kind == WAITING_APPLIED && now_ns < w->deadline_ns) {
        pass_on(c, w, COHERENCE_FALLBACK_BEHIND);
    } else {
        waiting_end(c, w, STORE_TIMEOUT);
    }
}

void waiting_due(struct coherence *c, int64_t now_ns) {
    struct etcd_due *first;

    while ((first = etcd_due_first(&c->due)) != NULL && first->at_ns <= now_ns) {
        is_due(c, (struct waiting *)first, now_ns);
    }
}

void waiting_applied(struct coherence *c) {
    struct waiting *w;

    while ((w = c->behind.first) != NULL && w->need <= applied_now(c)) {
        if (w->kind == WAITING_ACK) {
            pass_answer(c, w, false);
        } else {
            read_go_on(c, w);
        }
    }
}

static void free_list(struct coherence *c, struct waiting_list *list) {
    while (list->first != NULL) {
        waiting_end(c, list->first, STORE_CLOSED);
    }
}

void waiting_free_all(struct coherence *c) {
    struct waiting_list *const lists[] = {&c->next_round, &c->round_readers, &c->cluster};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        free_list(c, lists[i]);
    }
    while (c->behind.first != NULL) {
        struct waiting *w = c->behind.first;

        /* What has its answer is not taken back. */
        waiting_end(c, w, w->kind == WAITING_ACK ? w->call->status : STORE_CLOSED);
    }
    while (c->free_waiting != NULL) {
        struct waiting *w = c->free_waiting;

        c->free_waiting = w->next;
        free(w);
    }
    while (c->free_passed != NULL) {
        struct passed *p = c->free_passed;

        c->free_passed = p->next;
        free(p);
    }
    etcd_due_fini(&c->due);
}
