/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <stdlib.h>

#include "daemon/node.h"
#include "daemon/notify.h"

/* The new set on its round: each worker takes it up between two batches, and the last one's answer lets the old set go. */
struct reload_errand {
    struct mailbox_message message;
    struct worker *worker;
    struct reload *reload;
};

struct reload {
    struct mailbox_message done;
    struct node *node;
    struct group_set *set;
    atomic_uint left;
    struct reload_errand errands[];
};

static void run_done(struct mailbox_message *message) {
    struct reload *reload = (struct reload *)(void *)message;
    struct node *node = reload->node;

    group_set_free(node->groups);
    node->groups = reload->set;
    node->reload = NULL;
    free(reload);
    telemetry_count(node_telemetry(node), COUNTER_RELOADS_OK, 1);
    log_info("reloaded the group policies", log_number("groups", node->groups->declared + 1));
    if (!atomic_load(&node->shared.draining)) {
        notify_ready();
    }
}

static void run_errand(struct mailbox_message *message) {
    struct reload_errand *errand = (struct reload_errand *)(void *)message;
    struct reload *reload = errand->reload;

    errand->worker->sessions.context.groups = reload->set;
    if (atomic_fetch_sub(&reload->left, 1) == 1) {
        reload->done.run = run_done;
        mailbox_post(reload->node->mailbox, &reload->done);
    }
}

static void send_round(struct node *node, struct group_set *set) {
    struct reload *reload = calloc(1, sizeof(*reload) + node->worker_count * sizeof(reload->errands[0]));

    if (reload == NULL) {
        group_set_free(set);
        log_error("cannot reload: out of memory");
        return;
    }
    reload->node = node;
    reload->set = set;
    atomic_init(&reload->left, node->worker_count);
    node->reload = reload;
    for (unsigned i = 0; i < node->worker_count; i++) {
        struct reload_errand *errand = &reload->errands[i];

        *errand = (struct reload_errand){.message = {.run = run_errand}, .worker = &node->workers[i], .reload = reload};
        mailbox_post(errand->worker->mailbox, &errand->message);
    }
}

/* The table was cut for the max-item the node was started with. */
static void clamp_items(struct options *o, uint64_t max_item) {
    for (size_t i = 0; i < o->group_count; i++) {
        if (o->groups[i].max_item > max_item) {
            log_warn("max-item is larger than the node was started with; it takes a restart to raise it",
                     log_string("group", o->groups[i].name));
            o->groups[i].max_item = max_item;
        }
    }
}

/* NULL: said in the log. */
static struct group_set *build_groups(const struct node *node, const struct options *o) {
    struct group_set *set = NULL;
    const char *name;
    const char *change = group_set_store_change(node->groups, o->groups, o->group_count, &name);
    enum larder_error error;

    if (change != NULL) {
        log_error("not reloaded: it takes a restart to change what a group has of a store", log_string("group", name),
                  log_string("change", change));
        return NULL;
    }
    error = group_set_build(o->groups, o->group_count, node->options->max_item, node->groups, &set);
    if (error != LARDER_OK) {
        log_error("cannot reload the groups", log_string("reason", larder_error_text(error)));
    }
    return set;
}

/* NULL: said in the log. */
static struct group_set *read_groups(struct node *node) {
    struct options *o = malloc(sizeof(*o));
    struct diagnostics *d = malloc(sizeof(*d));
    struct group_set *set = NULL;

    if (o == NULL || d == NULL) {
        log_error("cannot reload: out of memory");
        free(o);
        free(d);
        return NULL;
    }
    options_init(o);
    diagnostics_init(d);
    if (options_load(o, node->argc, node->argv, node->environment, d)) {
        clamp_items(o, node->options->max_item);
        set = build_groups(node, o);
    } else {
        for (size_t i = 0; i < d->count; i++) {
            log_error("not reloaded, the configuration is wrong",
                      log_string("mistake", d->items[i].text != NULL ? d->items[i].text : "?"));
        }
    }
    diagnostics_fini(d);
    options_fini(o);
    free(d);
    free(o);
    return set;
}

void reload_begin(struct node *node) {
    struct group_set *set;

    if (node->reload != NULL) {
        log_warn("a reload is under way; this one is ignored");
        return;
    }
    notify_reloading();
    set = read_groups(node);
    if (set == NULL) {
        telemetry_count(node_telemetry(node), COUNTER_RELOADS_FAILED, 1);
        notify_ready();
        return;
    }
    send_round(node, set);
}

void reload_cancel(struct node *node) {
    /* The last errand may have been run while the loop was ending; then its answer is still to be freed as well. */
    if (node->reload != NULL) {
        group_set_free(node->reload->set);
        free(node->reload);
        node->reload = NULL;
    }
}
