/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <getopt.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/number.h"
#include "store/local/local.h"

enum { WHY_MAX = 4096, BATCH_BYTES = 1 << 20, EXIT_OPEN = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: store-driver --directory DIRECTORY [options]\n"
    "\n"
    "Calls the embedded store: a JSON object a line in, one a line out (tests/store/driver.h).\n"
    "\n"
    "  --quota BYTES --history REVISIONS --no-sync --max-pending N --max-watchers N\n"
    "                  as of the store; by default 1g, 0, 10000, 256\n"
    "  --load N        does N operations of a seeded sequence instead and says of each that it was answered\n"
    "  --plan N        says what those operations are\n"
    "  --seed N        of the sequence (1)\n"
    "  --first N       begins it there (1)\n"
    "  --in-flight N   operations that wait for their answer, at most 64 (64)\n";

struct driver {
    struct local_config config;
    struct load load;
    struct store *store;
    struct store_watcher *watchers[WATCHES_MAX];
};

/* --- one line --- */

struct awaited {
    struct store_call call; /* first, for answered() */
    sem_t done;
};

static void answered(struct store_call *call) {
    sem_post(&((struct awaited *)call)->done);
}

static void submit(struct driver *d, struct awaited *a, const struct store_op *op) {
    sem_init(&a->done, 0, 0);
    store_call_init(&a->call, answered);
    a->call.op = *op;
    store_submit(d->store, &a->call);
}

static json_t *await(struct awaited *a) {
    json_t *answer;

    sem_wait(&a->done);
    answer = answer_call(&a->call);
    store_call_fini(&a->call);
    sem_destroy(&a->done);
    return answer;
}

static json_t *run_op(struct driver *d, const struct store_op *op) {
    struct awaited a;

    submit(d, &a, op);
    return await(&a);
}

/* Hands all of them in before it waits for an answer, so that they may share a commit. */
static json_t *run_pipeline(struct driver *d, json_t *list, struct arena *arena, const char **ret_why) {
    size_t count = json_array_size(list);
    struct store_op *ops = arena_calloc(arena, count + 1, sizeof(*ops));
    struct awaited *calls = arena_calloc(arena, count + 1, sizeof(*calls));
    json_t *answers;

    if (ops == NULL || calls == NULL) {
        *ret_why = "the request is too large";
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!request_op(json_array_get(list, i), arena, &ops[i], ret_why)) {
            return NULL;
        }
    }
    for (size_t i = 0; i < count; i++) {
        submit(d, &calls[i], &ops[i]);
    }
    answers = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(answers, await(&calls[i]));
    }
    return json_pack("{s:s, s:o}", "status", "OK", "answers", answers);
}

/* Whoever wants to know asks. */
static void wake(void *ctx) {
    (void)ctx;
}

static json_t *run_watch(struct driver *d, const struct store_watch *watch, struct store_watcher **watcher) {
    enum store_status status = STORE_OK;
    int64_t revision = 0;

    *watcher = store_watch_open(d->store, watch, wake, NULL, &status, &revision);
    return json_pack("{s:s, s:I}", "status", answer_status_name(*watcher != NULL ? STORE_OK : status), "revision",
                     (json_int_t)revision);
}

static json_t *run_next(struct store_watcher *watcher, int64_t max_bytes) {
    struct store_batch batch;
    json_t *answer;

    store_watcher_next(watcher, max_bytes > 0 ? (size_t)max_bytes : BATCH_BYTES, &batch);
    answer = answer_batch(&batch);
    store_batch_fini(&batch);
    return answer;
}

static json_t *run_close(struct store_watcher **watcher) {
    store_watcher_close(*watcher);
    *watcher = NULL;
    return json_pack("{s:s}", "status", "OK");
}

static json_t *run_figures(struct driver *d) {
    struct store_figures figures;

    store_get_figures(d->store, &figures);
    return answer_figures(&figures);
}

/* NULL: *ret_why says why. */
static json_t *run_on_watch(struct driver *d, const char *name, json_t *line, struct arena *arena,
                            const char **ret_why) {
    int64_t number = request_number(line, "watch");
    bool opens = strcmp(name, "watch") == 0;
    struct store_watcher **watcher;
    struct store_watch watch;

    if (number < 0 || number >= WATCHES_MAX || (d->watchers[number] == NULL) != opens) {
        *ret_why = "no such watch, or one that is open already";
        return NULL;
    }
    watcher = &d->watchers[number];
    if (opens) {
        return request_watch(line, arena, &watch, ret_why) ? run_watch(d, &watch, watcher) : NULL;
    }
    return strcmp(name, "next") == 0 ? run_next(*watcher, request_number(line, "max_bytes")) : run_close(watcher);
}

static json_t *run_line(struct driver *d, json_t *line, struct arena *arena, const char **ret_why) {
    const char *name = json_string_value(json_object_get(line, "op"));
    struct store_op op;

    if (name == NULL) {
        *ret_why = "not an object with an operation";
        return NULL;
    }
    if (strcmp(name, "figures") == 0) {
        return run_figures(d);
    }
    if (strcmp(name, "pipeline") == 0) {
        return run_pipeline(d, json_object_get(line, "ops"), arena, ret_why);
    }
    if (strcmp(name, "watch") == 0 || strcmp(name, "next") == 0 || strcmp(name, "close") == 0) {
        return run_on_watch(d, name, line, arena, ret_why);
    }
    return request_op(line, arena, &op, ret_why) ? run_op(d, &op) : NULL;
}

static void say_error(struct slice why) {
    json_t *answer = json_object();

    json_object_set_new(answer, "error", json_stringn(why.data, why.size));
    json_dumpf(answer, stdout, JSON_COMPACT);
    json_decref(answer);
    putchar('\n');
    fflush(stdout);
}

static bool serve_line(struct driver *d, const char *text, size_t size) {
    json_t *line = json_loadb(text, size, 0, NULL);
    const char *why = "not JSON";
    json_t *answer = NULL;
    struct arena arena;

    arena_init(&arena, VALUE_BYTES_MAX);
    if (line != NULL) {
        answer = run_line(d, line, &arena, &why);
    }
    arena_fini(&arena);
    json_decref(line);
    if (answer == NULL) {
        say_error(slice_from_string(why));
        return false;
    }
    json_dumpf(answer, stdout, JSON_COMPACT);
    json_decref(answer);
    putchar('\n');
    return fflush(stdout) == 0;
}

static int serve(struct driver *d) {
    char *text = NULL;
    size_t capacity = 0;
    bool well = true;
    ssize_t size;

    while (well && (size = getline(&text, &capacity, stdin)) > 0) {
        well = serve_line(d, text, (size_t)size);
    }
    free(text);
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        if (d->watchers[i] != NULL) {
            store_watcher_close(d->watchers[i]);
        }
    }
    return well ? EXIT_SUCCESS : EXIT_USAGE;
}

/* --- the command line --- */

enum option_key {
    KEY_DIRECTORY = 1,
    KEY_QUOTA,
    KEY_HISTORY,
    KEY_NO_SYNC,
    KEY_MAX_PENDING,
    KEY_MAX_WATCHERS,
    KEY_LOAD,
    KEY_PLAN,
    KEY_SEED,
    KEY_FIRST,
    KEY_IN_FLIGHT,
};

static bool take_option(struct driver *d, int key) {
    uint64_t number = 0;

    if (key != KEY_DIRECTORY && key != KEY_NO_SYNC && !number_parse_size(slice_from_string(optarg), &number)) {
        return false;
    }
    switch (key) {
    case KEY_DIRECTORY:
        d->config.directory = optarg;
        return true;
    case KEY_QUOTA:
        d->config.quota = number;
        return true;
    case KEY_HISTORY:
        d->config.history = (int64_t)number;
        return true;
    case KEY_NO_SYNC:
        d->config.no_sync = true;
        return true;
    case KEY_MAX_PENDING:
        d->config.max_pending = (size_t)number;
        return true;
    case KEY_MAX_WATCHERS:
        d->config.max_watchers = (size_t)number;
        return true;
    case KEY_PLAN:
        d->load.plan = true;
        d->load.count = (int64_t)number;
        return true;
    case KEY_LOAD:
        d->load.count = (int64_t)number;
        return true;
    case KEY_SEED:
        d->load.seed = number;
        return true;
    case KEY_FIRST:
        d->load.first = (int64_t)number;
        return true;
    default:
        d->load.in_flight = (size_t)number;
        return number >= 1 && number <= LOAD_IN_FLIGHT_MAX;
    }
}

static bool read_options(struct driver *d, int argc, char **argv) {
    static const struct option options[] = {
        {"directory", required_argument, NULL, KEY_DIRECTORY},
        {"quota", required_argument, NULL, KEY_QUOTA},
        {"history", required_argument, NULL, KEY_HISTORY},
        {"no-sync", no_argument, NULL, KEY_NO_SYNC},
        {"max-pending", required_argument, NULL, KEY_MAX_PENDING},
        {"max-watchers", required_argument, NULL, KEY_MAX_WATCHERS},
        {"load", required_argument, NULL, KEY_LOAD},
        {"plan", required_argument, NULL, KEY_PLAN},
        {"seed", required_argument, NULL, KEY_SEED},
        {"first", required_argument, NULL, KEY_FIRST},
        {"in-flight", required_argument, NULL, KEY_IN_FLIGHT},
        {NULL, 0, NULL, 0},
    };
    int key;

    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (key == '?' || !take_option(d, key)) {
            return false;
        }
    }
    return optind == argc && (d->config.directory != NULL || d->load.plan);
}

int main(int argc, char **argv) {
    static struct driver d = {
        .config = {.quota = 1 << 30, .max_pending = 10000, .max_watchers = WATCHES_MAX, .now_ns = clock_monotonic_ns},
        .load = {.seed = 1, .first = 1, .in_flight = LOAD_IN_FLIGHT_MAX},
    };
    struct buf why;
    int status;

    if (!read_options(&d, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (d.load.plan) {
        return load_plan(&d.load);
    }
    buf_init(&why, WHY_MAX);
    d.store = local_open(&d.config, &why);
    if (d.store == NULL) {
        say_error(buf_slice(&why));
        buf_fini(&why);
        return EXIT_OPEN;
    }
    buf_fini(&why);
    status = d.load.count > 0 ? load_run(d.store, &d.load) : serve(&d);
    store_close(d.store);
    return status;
}
