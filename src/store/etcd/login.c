/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/state.h"

enum { TOKEN_MAX = 64 << 10 };

/* A wrong password costs the cluster a hash each time. */
#define REFUSED_FIRST_NS (250 * CLOCK_NS_PER_MS)
#define REFUSED_MOST_NS (5 * CLOCK_NS_PER_S)

static char *copy(struct slice s) {
    char *text = malloc(s.size + 1);

    if (text != NULL) {
        memcpy(text, s.size > 0 ? s.data : "", s.size);
        text[s.size] = '\0';
    }
    return text;
}

bool etcd_login_init(struct etcd_client *client, struct slice user, struct slice password) {
    struct etcd_login *login = &client->login;

    buf_init(&login->token, TOKEN_MAX);
    etcd_ask_init(&login->ask);
    if (user.size == 0) {
        return true;
    }
    login->phase = ETCD_LOGIN_WANTED;
    login->user = copy(user);
    login->password = copy(password);
    return login->user != NULL && login->password != NULL;
}

void etcd_login_fini(struct etcd_client *client) {
    struct etcd_login *login = &client->login;

    if (login->password != NULL) {
        explicit_bzero(login->password, strlen(login->password));
    }
    free(login->user);
    free(login->password);
    buf_fini(&login->token);
    etcd_ask_fini(&login->ask);
}

static void succeed(struct etcd_client *client, enum etcd_login_phase phase, const char *token) {
    struct etcd_login *login = &client->login;

    login->token.size = 0;
    if (buf_append_slice(&login->token, slice_from_string(token)) != LARDER_OK) {
        phase = ETCD_LOGIN_WANTED; /* once more, later */
        login->next_ns = client->now_ns + REFUSED_FIRST_NS;
    }
    login->phase = phase;
    login->number++;
    login->since_ns = client->now_ns;
    login->refusals = 0;
    login->trouble[0] = '\0';
    client->figures.logins += phase == ETCD_LOGIN_GOOD;
    client->must_tend = true;
}

/* It was the cluster that said no. */
static void refuse(struct etcd_client *client, struct slice why) {
    struct etcd_login *login = &client->login;

    (void)snprintf(login->trouble, sizeof(login->trouble), "the cluster refuses the user \"%.64s\": %.*s", login->user,
                   (int)why.size, why.size > 0 ? why.data : "");
    login->phase = ETCD_LOGIN_REFUSED;
    login->next_ns = client->now_ns + etcd_client_backoff(client, REFUSED_FIRST_NS, REFUSED_MOST_NS, login->refusals++);
    client->figures.login_errors++;
    etcd_asks_deny(client, slice_from_string(login->trouble));
}

/* Nobody said anything. */
static void fail(struct etcd_client *client) {
    struct etcd_login *login = &client->login;

    login->phase = ETCD_LOGIN_WANTED;
    login->next_ns = client->now_ns + etcd_client_jitter(client, REFUSED_FIRST_NS);
    client->figures.login_errors++;
}

static bool is_refusal(const struct etcd_ask *ask) {
    return ask->error != ETCD_OK
               ? etcd_result_of(ask->status) != ETCD_RESULT_UNAVAILABLE || ask->status == STORE_PROTOCOL
               : ask->status == STORE_DENIED || ask->status == STORE_UNSUPPORTED;
}

static void on_done(struct etcd_ask *ask) {
    struct etcd_client *client = ask->owner;
    const Etcdserverpb__AuthenticateResponse *answer = (const void *)ask->response;

    if (ask->status == STORE_OK && answer->token != NULL && answer->token[0] != '\0') {
        succeed(client, ETCD_LOGIN_GOOD, answer->token);
    } else if (ask->error == ETCD_ERROR_AUTH_NOT_ENABLED) {
        succeed(client, ETCD_LOGIN_NEEDLESS, "");
    } else if (is_refusal(ask)) {
        refuse(client, ask->text);
    } else {
        fail(client);
    }
    arena_reset(&ask->arena);
    ask->text = slice_make(NULL, 0);
    client->is_unsettled = true;
    etcd_client_wake_by(client, etcd_login_due(client));
}

static void ask_for_token(struct etcd_client *client) {
    struct etcd_login *login = &client->login;

    etcdserverpb__authenticate_request__init(&login->request);
    login->request.name = login->user;
    login->request.password = login->password;
    login->ask.method = etcd_method_get(ETCD_METHOD_AUTHENTICATE);
    login->ask.request = &login->request.base;
    login->ask.repeat = ETCD_REPEAT;
    login->ask.deadline_ns = 0;
    login->ask.done = on_done;
    login->ask.owner = client;
    login->phase = ETCD_LOGIN_ASKING;
    etcd_client_ask(client, &login->ask);
}

bool etcd_login_renew(struct etcd_client *client, uint64_t number) {
    struct etcd_login *login = &client->login;

    if (login->user == NULL) {
        return false;
    }
    if (number == login->number && etcd_login_is_ready(client)) {
        login->phase = ETCD_LOGIN_WANTED;
        login->next_ns = 0;
        client->is_unsettled = true;
    }
    return true;
}

void etcd_login_tend(struct etcd_client *client) {
    struct etcd_login *login = &client->login;

    if (login->phase == ETCD_LOGIN_REFUSED && login->next_ns <= client->now_ns) {
        login->phase = ETCD_LOGIN_WANTED;
    }
    if (login->phase == ETCD_LOGIN_WANTED && login->next_ns <= client->now_ns && client->is_started &&
        !client->is_closing) {
        ask_for_token(client);
    }
}

int64_t etcd_login_due(const struct etcd_client *client) {
    const struct etcd_login *login = &client->login;

    return login->phase == ETCD_LOGIN_WANTED || login->phase == ETCD_LOGIN_REFUSED ? login->next_ns : INT64_MAX;
}

bool etcd_client_has_user(const struct etcd_client *client) {
    return client->login.user != NULL;
}
