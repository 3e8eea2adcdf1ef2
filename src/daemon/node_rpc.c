/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_rpc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/random.h"
#include "base/siphash.h"
#include "daemon/node.h"
#include "rpc/alarm.h"
#include "rpc/notes.h"

enum { NAME_SIZE = 256, URL_MAX = ADDRESS_TEXT_MAX + 16 };

/* --- who this is --- */

/* A call to the store that the starting thread waits for. */
struct waited {
    struct store_call call; /* first */
    pthread_mutex_t lock;
    pthread_cond_t signal;
    bool done;
};

static void on_done(struct store_call *call) {
    struct waited *w = (struct waited *)(void *)call;

    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->signal);
    pthread_mutex_unlock(&w->lock);
}

static enum store_status keep_note(struct store *store, struct slice name, struct slice value) {
    struct waited w = {.lock = PTHREAD_MUTEX_INITIALIZER, .signal = PTHREAD_COND_INITIALIZER};
    enum store_status status;

    store_call_init(&w.call, on_done);
    w.call.op = (struct store_op){.kind = STORE_OP_NOTE, .note = {.name = name, .value = value}};
    store_submit(store, &w.call);
    pthread_mutex_lock(&w.lock);
    while (!w.done) {
        pthread_cond_wait(&w.signal, &w.lock);
    }
    pthread_mutex_unlock(&w.lock);
    status = w.call.status;
    store_call_fini(&w.call);
    return status;
}

/* The numbers of cluster and member: drawn once for each store, so that clients notice another one. */
struct identity {
    uint64_t cluster_id;
    uint64_t member_id;
};

static enum store_status find_identity(struct store *store, struct identity *ret_identity) {
    struct arena arena;
    struct slice note;
    enum store_status status;

    arena_init(&arena, STORE_REQUEST_MAX);
    status = store_note_get(store, STORE_NOTE_IDENTITY, &arena, &note);
    if (status == STORE_OK && note.size == sizeof(*ret_identity)) {
        memcpy(ret_identity, note.data, sizeof(*ret_identity));
    } else if (status == STORE_OK) {
        ret_identity->cluster_id = random_os_seed();
        ret_identity->member_id = random_os_seed();
        status = keep_note(store, STORE_NOTE_IDENTITY, slice_make((const char *)ret_identity, sizeof(*ret_identity)));
    }
    arena_fini(&arena);
    return status;
}

static bool open_identity(struct node *node) {
    struct identity identity;
    enum store_status status = find_identity(node->shared.store, &identity);

    if (status != STORE_OK) {
        log_error("cannot find out or keep whose store this is", log_string("reason", store_status_text(status)));
        return false;
    }
    node->rpc.cluster_id = identity.cluster_id;
    node->rpc.member_id = identity.member_id;
    return true;
}

/* A node in front of a cluster keeps no number for itself, but has the same one after each start: that of its name. */
static bool open_remote_identity(struct node *node) {
    node->rpc.member_id = siphash(&(struct siphash_key){{0}}, node->rpc.name);
    return true;
}

static bool open_name(struct node *node) {
    char host[NAME_SIZE] = "";
    const char *name = node->options->name;

    if (name == NULL) {
        if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') {
            strcpy(host, "larder");
        }
        name = host;
    }
    node->rpc_name = strdup(name);
    if (node->rpc_name == NULL) {
        log_error("cannot start: out of memory");
        return false;
    }
    node->rpc.name = slice_from_string(node->rpc_name);
    return true;
}

/* --- who may do what --- */

static struct auth_state *find_auth_state(struct store *store, const char **ret_reason) {
    struct auth_state *state = NULL;
    struct arena arena;
    struct slice note;
    enum store_status status;

    arena_init(&arena, STORE_REQUEST_MAX);
    status = store_note_get(store, RPC_NOTE_AUTH, &arena, &note);
    if (status != STORE_OK) {
        *ret_reason = store_status_text(status);
    } else if (note.size == 0) {
        state = auth_state_new();
        *ret_reason = "out of memory";
    } else {
        enum larder_error error = auth_decode_state(note, &state);

        state = error == LARDER_OK ? state : NULL;
        *ret_reason = larder_error_text(error);
    }
    arena_fini(&arena);
    return state;
}

/* Without knowing who may do what nobody is let in. */
static bool open_auth(struct node *node) {
    const char *reason = "";
    struct auth_state *state = find_auth_state(node->shared.store, &reason);

    if (state == NULL) {
        log_error("cannot read who may use the store", log_string("reason", reason));
        return false;
    }
    node->rpc.auth = auth_new(state);
    if (node->rpc.auth == NULL) {
        auth_state_unref(state);
        log_error("cannot start: out of memory");
        return false;
    }
    node->shared.auth = node->rpc.auth;
    return true;
}

static bool open_alarms(struct node *node) {
    struct arena arena;
    struct slice note;
    enum store_status status;

    arena_init(&arena, STORE_REQUEST_MAX);
    status = store_note_get(node->shared.store, RPC_NOTE_ALARMS, &arena, &note);
    if (status == STORE_OK) {
        rpc_alarm_load(&node->rpc, note);
    } else {
        log_error("cannot read which alarms are raised", log_string("reason", store_status_text(status)));
    }
    arena_fini(&arena);
    return status == STORE_OK;
}

bool node_rpc_open(struct node *node) {
    struct rpc_node *rpc = &node->rpc;

    rpc->store = node->shared.store;
    rpc->cluster = node->shared.cluster;
    rpc->progress_interval_ns = (int64_t)node->options->watch_progress_ns;
    rpc->background = background_new();
    if (rpc->background == NULL) {
        log_error("cannot start: out of memory");
        return false;
    }
    rpc->is_remote = rpc->store != NULL && options_store_is_remote(node->options);
    if (rpc->is_remote) {
        rpc->shows_itself = node->options->advertise_client_urls != NULL;
        return open_name(node) && open_remote_identity(node);
    }
    return open_name(node) && (rpc->store == NULL || (open_identity(node) && open_auth(node) && open_alarms(node)));
}

/* --- where clients reach it --- */

static bool add_url(struct node *node, struct slice text) {
    struct rpc_node *rpc = &node->rpc;
    char *url = strndup(text.data, text.size);

    if (url == NULL) {
        return false;
    }
    node->rpc_urls[rpc->client_url_count++] = slice_from_string(url);
    return true;
}

/* An address that stands for all of a machine's is nothing to connect to: the machine's name is. */
static bool add_listener(struct node *node, const struct address *address) {
    struct address shown = *address;
    char text[ADDRESS_TEXT_MAX];
    char url[URL_MAX];

    if (address->kind == ADDRESS_UNIX) {
        return true;
    }
    if (strcmp(address->host, "0.0.0.0") == 0 || strcmp(address->host, "::") == 0) {
        char host[sizeof(shown.host)] = "";

        shown.kind = ADDRESS_NAME;
        snprintf(shown.host, sizeof(shown.host), "%s",
                 gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' ? host : "localhost");
    }
    snprintf(url, sizeof(url), "http://%s", address_format(&shown, text));
    return add_url(node, slice_from_string(url));
}

/* What the operator says, parted by commas; at most OPTIONS_LISTENS_MAX. */
static bool add_given(struct node *node, const char *list) {
    bool good = true;

    for (const char *at = list; good && *at != '\0' && node->rpc.client_url_count < OPTIONS_LISTENS_MAX;) {
        size_t size = strcspn(at, ",");

        good = size == 0 || add_url(node, slice_make(at, size));
        at += at[size] == ',' ? size + 1 : size;
    }
    return good;
}

bool node_rpc_announce(struct node *node) {
    const struct listeners *l = &node->listeners;
    bool good = true;

    if (node->options->advertise_client_urls != NULL) {
        good = add_given(node, node->options->advertise_client_urls);
    } else {
        for (size_t i = 0; i < l->count && good; i++) {
            good = add_listener(node, listener_address(l->items[i]));
        }
    }
    node->rpc.client_urls = node->rpc_urls;
    if (!good) {
        log_error("cannot start: out of memory");
    }
    return good;
}

void node_rpc_stop(struct node *node) {
    background_free(node->rpc.background);
    node->rpc.background = NULL;
}

void node_rpc_free(struct node *node) {
    for (size_t i = 0; i < node->rpc.client_url_count; i++) {
        free((void *)(uintptr_t)node->rpc_urls[i].data);
    }
    free(node->rpc_name);
    auth_free(node->rpc.auth);
}
