/* SPDX-License-Identifier: Apache-2.0 */
#include "session/login.h"

#include <stdlib.h>

#include "session/internal.h"

/* One on its way. It outlives a session that ends meanwhile. */
struct login {
    struct pending pending; /* first */
    struct background_job job;
    struct background *background;
    struct auth *auth;
    struct auth_login login;
    struct auth_known known;
    bool remembered; /* others with the same words were faster */
    int tries;
    int64_t now_ns;
    struct slice user; /* in `text`, as is the password */
    struct slice password;
    char text[];
};

/* --- who speaks --- */

void session_who_show(struct session *s) {
    s->worker->context.who = s->who != NULL ? &s->who->known : NULL;
}

bool session_who_set(struct session *s, const struct auth_known *known) {
    if (s->who == NULL) {
        s->who = calloc(1, sizeof(*s->who));
    }
    if (s->who != NULL) {
        *s->who = (struct session_who){.known = *known};
    }
    if (s->processing) {
        session_who_show(s);
    }
    return s->who != NULL;
}

void session_who_forget(struct session *s) {
    if (s->who != NULL) {
        *s->who = (struct session_who){0};
    }
}

void session_who_free(struct session *s) {
    free(s->who);
    s->who = NULL;
}

/* --- the login --- */

static struct login *login_of(struct pending *p) {
    return (struct login *)(void *)p;
}

static void free_login(struct pending *p) {
    struct login *l = login_of(p);

    explicit_bzero(l->text, l->user.size + l->password.size);
    free(l);
}

static enum pending_next end(struct login *l, enum result result) {
    l->pending.reply.result = result;
    return PENDING_DONE;
}

static enum result result_of(enum etcd_error error) {
    switch (error) {
    case ETCD_OK:
    case ETCD_ERROR_AUTH_NOT_ENABLED: /* any more: then it does not matter who speaks */
        return RESULT_DONE;
    case ETCD_ERROR_AUTH_FAILED:
        return RESULT_UNAUTHENTICATED;
    default: /* too many logins, or too many changes while it was looked at */
        return RESULT_TOO_MANY_REQUESTS;
    }
}

/* In the background. */
static void work(struct background_job *job) {
    struct login *l = (struct login *)(void *)((char *)job - offsetof(struct login, job));

    l->remembered = auth_remembers(l->auth, l->user, l->password, l->now_ns, &l->known);
    if (!l->remembered) {
        auth_login_verify(&l->login, l->password);
    }
    pending_post(&l->pending);
}

static enum pending_next begin(struct pending *p);

static enum pending_next on_verified(struct pending *p) {
    struct login *l = login_of(p);
    struct auth_known known = {0};
    enum etcd_error error = auth_login_know(l->auth, &l->login, &known);

    if (l->remembered) {
        return end(l, RESULT_DONE);
    }
    if (error == ETCD_ERROR_AUTH_OLD_REVISION && l->tries < AUTH_LOGIN_TRIES_MAX) {
        return begin(p);
    }
    l->known = known;
    if (error == ETCD_OK) {
        auth_remember(l->auth, l->user, l->password, l->now_ns, &known);
    }
    return end(l, result_of(error));
}

/* A login that was begun must be ended, also if there is nobody to verify it. */
static enum pending_next begin(struct pending *p) {
    struct login *l = login_of(p);
    enum etcd_error error = auth_login_begin(l->auth, l->user, &l->login);

    l->tries++;
    if (error != ETCD_OK) {
        return end(l, result_of(error));
    }
    p->step = on_verified;
    l->job.run = work;
    if (p->queue->closed || !background_post(l->background, &l->job)) {
        auth_login_know(l->auth, &l->login, &l->known);
        return end(l, RESULT_STORE_FAILED);
    }
    return PENDING_WAIT;
}

static struct login *login_new(struct session *s, struct slice user, struct slice password) {
    struct session_worker *w = s->worker;
    struct login *l = malloc(sizeof(*l) + user.size + password.size);

    if (l == NULL) {
        return NULL;
    }
    *l = (struct login){
        .background = w->rpc.node->background,
        .auth = w->context.node->auth,
        .now_ns = w->context.now_ns,
        .user = slice_make(l->text, user.size),
        .password = slice_make(l->text + user.size, password.size),
    };
    pending_init(&l->pending, w->context.completions, w->context.node->store, begin, free_login);
    if (user.size > 0) {
        memcpy(l->text, user.data, user.size);
    }
    if (password.size > 0) {
        memcpy(l->text + user.size, password.data, password.size);
    }
    return l;
}

void session_log_in(struct session *s, struct slice user, struct slice password, struct reply *ret_reply) {
    struct login *l = login_new(s, user, password);

    *ret_reply = (struct reply){.result = RESULT_NO_MEMORY};
    if (l != NULL) {
        pending_start(&l->pending, ret_reply);
    }
}

static void count(struct session *s, enum result result) {
    struct worker_telemetry *w = s->worker->context.telemetry;

    if (result == RESULT_DONE || result == RESULT_UNAUTHENTICATED) {
        telemetry_count(w, result == RESULT_DONE ? COUNTER_AUTH_LOGINS_GOOD : COUNTER_AUTH_LOGINS_WRONG, 1);
    }
}

enum result session_logged_in(struct session *s, const struct reply *reply) {
    count(s, reply->result);
    session_who_forget(s);
    if (reply->result != RESULT_DONE) {
        return reply->result;
    }
    return session_who_set(s, &login_of(reply->held)->known) ? RESULT_DONE : RESULT_NO_MEMORY;
}
