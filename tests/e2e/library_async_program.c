/* SPDX-License-Identifier: Apache-2.0 */
/* What test_library.py builds against the installed library and libuv: each operation once, in a loop of libuv, and then a crowd
 * of them at once. */
#include <larder/uv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROWD = 10000 };

static struct larder_async *async;
static struct larder_uv handle;
static int failed;

static void fail(const char *what, const char *message) {
    fprintf(stderr, "%s: %s\n", what, message);
    failed = 1;
}

/* --- one after the other --- */

struct step {
    const char *what;
    enum larder_status status;
    const char *value;
};

static const struct step steps[] = {
    {"get of nothing", LARDER_MISS, NULL}, {"set", LARDER_STORED, NULL},     {"add", LARDER_NOT_STORED, NULL},
    {"replace", LARDER_STORED, NULL},      {"append", LARDER_STORED, NULL},  {"prepend", LARDER_STORED, NULL},
    {"get", LARDER_HIT, "<value>"},        {"gets", LARDER_HIT, "<value>"},  {"cas", LARDER_STORED, NULL},
    {"old cas", LARDER_EXISTS, NULL},      {"incr", LARDER_COUNTED, NULL},   {"decr", LARDER_COUNTED, NULL},
    {"touch", LARDER_TOUCHED, NULL},       {"gat", LARDER_HIT, "40"},        {"delete", LARDER_DELETED, NULL},
    {"get at last", LARDER_MISS, NULL},    {"bad key", LARDER_ERR_KEY, NULL}};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static uint64_t cas;
static void crowd(void);
static void on_step(void *ctx, size_t index, const struct larder_answer *answer);

static enum larder_status ask(size_t step) {
    void *ctx = (void *)&steps[step];

    switch (step) {
    case 1:
        return larder_async_set(async, "k", 1, "old", 3, 60, 7, on_step, ctx);
    case 2:
        return larder_async_add(async, "k", 1, "other", 5, 0, 0, on_step, ctx);
    case 3:
        return larder_async_replace(async, "k", 1, "value", 5, 0, 0, on_step, ctx);
    case 4:
        return larder_async_append(async, "k", 1, ">", 1, on_step, ctx);
    case 5:
        return larder_async_prepend(async, "k", 1, "<", 1, on_step, ctx);
    case 7:
        return larder_async_gets(async, "k", 1, on_step, ctx);
    case 8:
        return larder_async_cas(async, "k", 1, "41", 2, 0, 0, cas, on_step, ctx);
    case 9:
        return larder_async_cas(async, "k", 1, "43", 2, 0, 0, cas, on_step, ctx);
    case 10:
        return larder_async_incr(async, "k", 1, 1, on_step, ctx);
    case 11:
        return larder_async_decr(async, "k", 1, 2, on_step, ctx);
    case 12:
        return larder_async_touch(async, "k", 1, 60, on_step, ctx);
    case 13:
        return larder_async_gat(async, "k", 1, 60, on_step, ctx);
    case 14:
        return larder_async_delete(async, "k", 1, on_step, ctx);
    case 16:
        return larder_async_set(async, "bad key", 7, "v", 1, 0, 0, on_step, ctx);
    default:
        return larder_async_get(async, "k", 1, on_step, ctx);
    }
}

static void on_step(void *ctx, size_t index, const struct larder_answer *answer) {
    const struct step *step = ctx;
    size_t number = (size_t)(step - steps);

    (void)index;
    if (answer->status != step->status) {
        fail(step->what, answer->message[0] != '\0' ? answer->message : larder_strerror(answer->status));
    } else if (step->value != NULL && (answer->value_size != strlen(step->value) ||
                                       memcmp(answer->value, step->value, answer->value_size) != 0)) {
        fail(step->what, "another value");
    }
    cas = number == 7 ? answer->cas : cas;
    if (number + 1 == STEPS) {
        crowd();
    } else if (ask(number + 1) != LARDER_DONE) {
        fail(steps[number + 1].what, "not taken");
        larder_uv_stop(&handle, NULL);
    }
}

/* --- all at once --- */

static int left = 3 * CROWD;

static void on_crowd(void *ctx, size_t index, const struct larder_answer *answer) {
    enum larder_status expected = (enum larder_status)(intptr_t)ctx;

    (void)index;
    if (answer->status != expected) {
        fail("crowd", answer->message[0] != '\0' ? answer->message : larder_strerror(answer->status));
    }
    left--;
    if (left == 0) {
        larder_uv_stop(&handle, NULL);
    }
}

static void crowd(void) {
    for (int i = 0; i < CROWD; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof(key), "crowd-%d", i);

        if (larder_async_set(async, key, size, key, size, 0, 0, on_crowd, (void *)LARDER_STORED) != LARDER_DONE ||
            larder_async_get(async, key, size, on_crowd, (void *)LARDER_HIT) != LARDER_DONE ||
            larder_async_delete(async, key, size, on_crowd, (void *)LARDER_DELETED) != LARDER_DONE) {
            fail("crowd", "not taken");
        }
    }
}

int main(int argc, char **argv) {
    char message[LARDER_MESSAGE_MAX] = "";
    struct larder_cache *cache;
    uv_loop_t loop;

    if (argc != 2 || larder_cache_new(argv[1], NULL, &cache, message) != LARDER_DONE ||
        larder_async_new(cache, &async) != LARDER_DONE) {
        fail("new", message);
        return 1;
    }
    uv_loop_init(&loop);
    if (larder_uv_start(&loop, &handle, async) != 0 || ask(0) != LARDER_DONE) {
        fail("start", "refused");
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    if (left != 0) {
        fail("crowd", "not all were answered");
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    larder_async_free(async);
    larder_cache_free(cache);
    return failed;
}
