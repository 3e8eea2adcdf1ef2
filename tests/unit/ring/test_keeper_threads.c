/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "keeper_script.h"

/* Workers and the control thread at once: what the workers do under the lock of a shard they do by the newest view, a view that
 * is held stays whole, and once a worker has acted as if the previous owner had nothing, nothing of his is put in. */
enum { WORKERS = 3, CHANGES = 3000 };

struct shard {
    pthread_mutex_t lock;
    uint64_t acted; /* the newest serial by which somebody acted */
};

struct scene {
    struct keeper *keeper;
    struct shard shard;
    atomic_bool over;
    atomic_uint ready;
    struct slice key;
};

static void act(struct scene *scene, const struct keeper_view *view) {
    pthread_mutex_lock(&scene->shard.lock);
    if (keeper_is_newest(scene->keeper, view)) {
        assert_true(view->serial >= scene->shard.acted);
        scene->shard.acted = view->serial;
        assert_true(keeper_counts(view, 1, 1, view->era));
    }
    pthread_mutex_unlock(&scene->shard.lock);
}

static void step(struct scene *scene, struct keeper_view **view, int64_t now_ns) {
    struct keeper_route route;
    struct peer_stamp stamp;

    keeper_renew(scene->keeper, view);
    assert_true((*view)->members->count >= 2);
    route = keeper_route(scene->keeper, *view, scene->key, now_ns);
    if (route.way == KEEPER_INHERIT && route.member != RING_NOBODY) {
        keeper_answered(scene->keeper, *view, route.member);
        if (keeper_passes_over(scene->keeper, *view, route.member, now_ns)) {
            pthread_mutex_lock(&scene->shard.lock);
            assert_false(keeper_takes(scene->keeper, *view, route.member));
            pthread_mutex_unlock(&scene->shard.lock);
        }
    }
    (void)keeper_doubted(scene->keeper, *view, now_ns);
    stamp = keeper_stamp(*view, now_ns % 2 == 0);
    (void)keeper_receive(scene->keeper, *view, &stamp, scene->key, now_ns);
    act(scene, *view);
}

static void *work(void *ctx) {
    struct scene *scene = ctx;
    struct keeper_view *view = NULL;
    struct keeper_view *first = NULL;

    for (int64_t now_ns = 0; !atomic_load(&scene->over); now_ns += 7) {
        step(scene, &view, now_ns);
        if (first == NULL) {
            first = keeper_view_ref(view);
            atomic_fetch_add(&scene->ready, 1);
        }
    }
    assert_true(first->members->revision == 1 && first->owners[0] != RING_NOBODY);
    keeper_view_unref(first);
    keeper_view_unref(view);
    return NULL;
}

static void change(struct scene *scene, struct keeper_view **view, int64_t i) {
    static const char *const lists[] = {"a2 b5", "a2 b5 c6", "a2 b5 c6-", "a2 b5 c6 d7"};
    uint64_t before = (*view)->serial;

    keeper_set_authority(scene->keeper, i * LEASE, i * LEASE);
    learn(scene->keeper, view, lists[i % 4], i, 5, false, i * LEASE / 2);
    if (i % 5 == 0) {
        assert_int_equal(keeper_purge(scene->keeper, (unsigned)i % 3, i), LARDER_OK);
        keeper_renew(scene->keeper, view);
    }
    assert_true((*view)->serial >= before);
    keeper_swept(scene->keeper, before);
    (void)keeper_wants_sweep(scene->keeper);
}

static void test_threads(void **state) {
    struct scene scene = {.keeper = keeper_of("b"), .shard = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    struct keeper_view *view = NULL;
    pthread_t threads[WORKERS];

    (void)state;
    scene.key = key_of("a2", 'a', "a2 b5", 'b');
    learn(scene.keeper, &view, "a2 b5", 1, 5, true, 0);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &scene), 0);
    }
    while (atomic_load(&scene.ready) < WORKERS) {
        keeper_set_authority(scene.keeper, 0, 0);
    }
    for (int64_t i = 2; i < CHANGES; i++) {
        change(&scene, &view, i);
    }
    atomic_store(&scene.over, true);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    keeper_view_unref(view);
    keeper_free(scene.keeper);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

    return cmocka_run_group_tests_name("keeper threads", tests, NULL, NULL);
}
