/* SPDX-License-Identifier: Apache-2.0 */
#include "node_helper.h"

/* Readers and changers at once. What a reader is told must be true of one of the states there were: Ann either may read
 * both a and b, or neither, and never one alone. Made for a build with -Db_sanitize=thread. */
enum { READERS = 3, CHANGERS = 2, CHANGES = 200 };

struct place {
    struct auth *auth;
    atomic_int changers; /* that are not done */
    char token[AUTH_TOKEN_SIZE];
};

static void *look(void *argument) {
    struct place *place = argument;
    intptr_t wrong = 0;

    while (atomic_load(&place->changers) > 0) {
        struct auth_identity who;
        enum etcd_error a;
        enum etcd_error b;
        struct auth_state *state = auth_hold(place->auth);

        wrong += auth_state_user(state, SLICE("ann")) == NULL;
        auth_state_unref(state);
        if (auth_identify(place->auth, TEXT(place->token), 0, &who) != ETCD_OK) {
            wrong++;
            continue;
        }
        a = auth_may_range(place->auth, &who, SLICE("a"), SLICE(""));
        b = auth_may_range(place->auth, &who, SLICE("b"), SLICE(""));
        wrong += a != b && a != ETCD_ERROR_AUTH_OLD_REVISION && b != ETCD_ERROR_AUTH_OLD_REVISION;
    }
    return (void *)wrong;
}

/* --- changes in turn --- */

struct changer {
    struct auth_turn turn; /* first */
    struct place *place;
    pthread_mutex_t lock;
    pthread_cond_t signal;
    bool mine;
};

static void begin(struct auth_turn *turn) {
    struct changer *c = (struct changer *)turn;

    pthread_mutex_lock(&c->lock);
    c->mine = true;
    pthread_cond_signal(&c->signal);
    pthread_mutex_unlock(&c->lock);
}

static void wait_for_turn(struct changer *c) {
    c->mine = false;
    if (!auth_turn_take(c->place->auth, &c->turn)) {
        pthread_mutex_lock(&c->lock);
        while (!c->mine) {
            pthread_cond_wait(&c->signal, &c->lock);
        }
        pthread_mutex_unlock(&c->lock);
    }
}

static enum etcd_error change_once(struct auth *a, bool read) {
    struct auth_state *state = auth_hold(a);
    struct auth_state *new = NULL;
    const struct auth_request request = {.kind = AUTH_GRANT_PERMISSION,
                                         .role = SLICE("r"),
                                         .permission = {read ? AUTH_READ : AUTH_WRITE, SLICE("a"), SLICE("c")}};
    enum etcd_error error = auth_change(state, &request, &new);

    auth_state_unref(state);
    if (error == ETCD_OK) {
        auth_adopt(a, new);
    }
    return error;
}

static void *make_changes(void *argument) {
    struct changer *c = argument;
    intptr_t wrong = 0;

    for (int i = 0; i < CHANGES; i++) {
        wait_for_turn(c);
        wrong += change_once(c->place->auth, i % 2 == 0) != ETCD_OK;
        auth_turn_give(c->place->auth);
    }
    atomic_fetch_sub(&c->place->changers, 1);
    return (void *)wrong;
}

static void test_together(void **unused) {
    struct auth_state *state = state_with_root("x");
    struct place place = {.changers = CHANGERS};
    struct changer changers[CHANGERS];
    pthread_t threads[READERS + CHANGERS];
    uint64_t before;
    void *wrong;

    (void)unused;
    add_user(&state, "ann", "x");
    add_role(&state, "r");
    grant(&state, "ann", "r");
    before = auth_state_revision(state);
    place.auth = auth_of(state);
    enter(place.auth, "ann", 0, place.token);
    for (size_t i = 0; i < CHANGERS; i++) {
        changers[i] = (struct changer){.turn = {.begin = begin}, .place = &place};
        pthread_mutex_init(&changers[i].lock, NULL);
        pthread_cond_init(&changers[i].signal, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, make_changes, &changers[i]), 0);
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[CHANGERS + i], NULL, look, &place), 0);
    }
    for (size_t i = 0; i < READERS + CHANGERS; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_int_equal((intptr_t)wrong, 0);
    }
    /* None was lost. */
    assert_int_equal(auth_state_revision(place.auth->state), before + CHANGERS * CHANGES);
    for (size_t i = 0; i < CHANGERS; i++) {
        pthread_cond_destroy(&changers[i].signal);
        pthread_mutex_destroy(&changers[i].lock);
    }
    auth_free(place.auth);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_together)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
