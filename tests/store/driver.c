/* SPDX-License-Identifier: Apache-2.0 */
/* Lets a test use a store of its own: a request is a line of JSON on the standard input, its answer a line on the
 * standard output. The first line tells how opening went. Requests are the operations of driver_decode.h, the watch_*
 * of driver_watch.h, and those at the end of this file. A request with a number `async` is handed in and not waited for:
 * its answer has the number too and is written at once when the store gives it. */
#include <getopt.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "driver_decode.h"
#include "driver_encode.h"
#include "driver_watch.h"
#include "store/etcd/etcd.h"
#include "store/local/local.h"

enum { REQUEST_BYTES = 64 << 20, WHY_BYTES = 4096 };

static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_answered = PTHREAD_COND_INITIALIZER;
static size_t async_open; /* asynchronous requests that are not answered yet */

/* Writes an answer and gives it up. */
static void say(json_t *answer) {
    char *text = json_dumps(answer, JSON_COMPACT);

    if (text == NULL) {
        fprintf(stderr, "store-driver: an answer cannot be written\n");
        exit(2);
    }
    pthread_mutex_lock(&output_lock);
    fputs(text, stdout);
    putchar('\n');
    fflush(stdout);
    pthread_mutex_unlock(&output_lock);
    free(text);
    json_decref(answer);
}

/* --- calls --- */

struct request {
    struct store_call call;
    struct arena arena; /* of what the operation borrows */
    sem_t done;
    int64_t async;
};

static void on_done(struct store_call *call) {
    sem_post(&((struct request *)call)->done);
}

static struct request *request_new(const json_t *object, void (*done)(struct store_call *call)) {
    struct request *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        decode_fail("out of memory", object);
    }
    arena_init(&r->arena, REQUEST_BYTES);
    sem_init(&r->done, 0, 0);
    store_call_init(&r->call, done);
    if (!decode_op(object, &r->arena, &r->call.op)) {
        decode_fail("unknown request", object);
    }
    return r;
}

static void request_free(struct request *r) {
    store_call_fini(&r->call);
    arena_fini(&r->arena);
    sem_destroy(&r->done);
    free(r);
}

static json_t *request_await(struct request *r) {
    json_t *answer;

    while (sem_wait(&r->done) != 0) {
    }
    answer = encode_call(&r->call);
    request_free(r);
    return answer;
}

static json_t *run_op(struct store *store, const json_t *object) {
    struct request *r = request_new(object, on_done);

    store_submit(store, &r->call);
    return request_await(r);
}

/* All operations are handed in before any answer is waited for. */
static json_t *run_batch(struct store *store, const json_t *object) {
    const json_t *ops = json_object_get(object, "ops");
    size_t count = json_array_size(ops);
    struct request **requests = calloc(count + 1, sizeof(struct request *));
    json_t *answers = json_array();
    json_t *answer = json_object();

    if (requests == NULL) {
        decode_fail("out of memory", object);
    }
    for (size_t i = 0; i < count; i++) {
        requests[i] = request_new(json_array_get(ops, i), on_done);
    }
    for (size_t i = 0; i < count; i++) {
        store_submit(store, &requests[i]->call);
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(answers, request_await(requests[i]));
    }
    free(requests);
    json_object_set_new(answer, "answers", answers);
    return answer;
}

static void on_async_done(struct store_call *call) {
    struct request *r = (struct request *)call;
    json_t *answer = encode_call(call);

    json_object_set_new(answer, "async", encode_integer(r->async));
    request_free(r);
    say(answer);
    pthread_mutex_lock(&output_lock);
    async_open--;
    pthread_cond_signal(&all_answered);
    pthread_mutex_unlock(&output_lock);
}

static void run_async(struct store *store, const json_t *object) {
    struct request *r = request_new(object, on_async_done);

    r->async = decode_integer(object, "async");
    pthread_mutex_lock(&output_lock);
    async_open++;
    pthread_mutex_unlock(&output_lock);
    store_submit(store, &r->call);
}

static json_t *await_async(void) {
    pthread_mutex_lock(&output_lock);
    while (async_open > 0) {
        pthread_cond_wait(&all_answered, &output_lock);
    }
    pthread_mutex_unlock(&output_lock);
    return json_object();
}

/* --- many keys --- */

struct fill {
    struct store_call call;
    struct slice value;
    sem_t *window;
    char key[32];
};

static void on_filled(struct store_call *call) {
    struct fill *f = (struct fill *)call;

    if (call->status != STORE_OK) {
        fprintf(stderr, "store-driver: fill: %s\n", store_status_text(call->status));
        exit(2);
    }
    store_call_fini(call);
    sem_post(f->window);
    free(f);
}

static void fill_one(struct store *store, int64_t number, struct slice value, sem_t *window) {
    struct fill *f = calloc(1, sizeof(*f));
    int size;

    if (f == NULL) {
        fprintf(stderr, "store-driver: out of memory\n");
        exit(2);
    }
    while (sem_wait(window) != 0) {
    }
    store_call_init(&f->call, on_filled);
    f->window = window;
    size = snprintf(f->key, sizeof(f->key), "key/%016lld", (long long)number);
    f->call.op = (struct store_op){
        .kind = STORE_OP_PUT,
        .put = {.key = slice_make(f->key, (size_t)size), .value = value},
    };
    store_submit(store, &f->call);
}

/* Puts `count` keys with values of `value_size` bytes, at most `window` (1,000) at a time. */
static json_t *fill(struct store *store, const json_t *object) {
    static const char zeros[4096];
    int64_t count = decode_integer(object, "count");
    int64_t value_size = decode_integer(object, "value_size");
    int64_t window_size = decode_integer(object, "window");
    sem_t window;

    if (value_size < 0 || value_size > (int64_t)sizeof(zeros)) {
        decode_fail("value_size", object);
    }
    window_size = window_size > 0 ? window_size : 1000;
    sem_init(&window, 0, (unsigned)window_size);
    for (int64_t i = 0; i < count; i++) {
        fill_one(store, i, slice_make(zeros, (size_t)value_size), &window);
    }
    for (int64_t i = 0; i < window_size; i++) {
        while (sem_wait(&window) != 0) {
        }
    }
    sem_destroy(&window);
    return json_object();
}

/* --- what lies beside the keys --- */

static json_t *note_get(struct store *store, const json_t *object) {
    json_t *answer = json_object();
    struct arena arena;
    struct slice value;

    arena_init(&arena, REQUEST_BYTES);
    json_object_set_new(answer, "status",
                        encode_status(store_note_get(store, decode_bytes(object, "name", &arena), &arena, &value)));
    json_object_set_new(answer, "value", encode_bytes(value));
    arena_fini(&arena);
    return answer;
}

static json_t *hash_kv(struct store *store, const json_t *object) {
    json_t *answer = json_object();
    int64_t revision;
    int64_t compacted;
    uint32_t hash;

    json_object_set_new(
        answer, "status",
        encode_status(store_hash_kv(store, decode_integer(object, "revision"), &hash, &revision, &compacted)));
    json_object_set_new(answer, "hash", encode_integer(hash));
    json_object_set_new(answer, "revision", encode_integer(revision));
    json_object_set_new(answer, "compact_revision", encode_integer(compacted));
    return answer;
}

/* --- requests --- */

static json_t *figures(struct store *store) {
    struct store_figures f;

    store_get_figures(store, &f);
    return encode_figures(&f);
}

static json_t *answer_to(struct store *store, const json_t *request) {
    const json_t *op = json_object_get(request, "op");
    const char *name = json_is_string(op) ? json_string_value(op) : "";

    if (strcmp(name, "batch") == 0) {
        return run_batch(store, request);
    } else if (strcmp(name, "await_async") == 0) {
        return await_async();
    } else if (strcmp(name, "watch_open") == 0) {
        return watch_open(store, request);
    } else if (strcmp(name, "watch_wait") == 0) {
        return watch_wait(request);
    } else if (strcmp(name, "watch_next") == 0) {
        return watch_next(request);
    } else if (strcmp(name, "watch_close") == 0) {
        return watch_close(request);
    } else if (strcmp(name, "observed") == 0) {
        return watch_observed(store);
    } else if (strcmp(name, "figures") == 0) {
        return figures(store);
    } else if (strcmp(name, "note_get") == 0) {
        return note_get(store, request);
    } else if (strcmp(name, "hash_kv") == 0) {
        return hash_kv(store, request);
    } else if (strcmp(name, "fill") == 0) {
        return fill(store, request);
    }
    return run_op(store, request);
}

static void serve(struct store *store) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while ((size = getline(&line, &capacity, stdin)) > 0) {
        json_error_t error;
        json_t *request = json_loadb(line, (size_t)size, 0, &error);

        if (request == NULL) {
            fprintf(stderr, "store-driver: %s: %.200s\n", error.text, line);
            exit(2);
        }
        if (json_object_get(request, "async") != NULL) {
            run_async(store, request);
        } else {
            say(answer_to(store, request));
        }
        json_decref(request);
    }
    free(line);
}

/* --- starting --- */

/* Which store: `members` of a cluster, or the local one of `config`. */
struct choice {
    struct local_config config;
    const char *members;
    bool observe;
};

static void read_options(int argc, char **argv, struct choice *choice) {
    static const struct option options[] = {
        {"directory", required_argument, NULL, 'd'},   {"quota", required_argument, NULL, 'q'},
        {"history", required_argument, NULL, 'h'},     {"no-sync", no_argument, NULL, 'n'},
        {"max-pending", required_argument, NULL, 'p'}, {"max-watchers", required_argument, NULL, 'w'},
        {"observe", no_argument, NULL, 'o'},           {"checkpoint", required_argument, NULL, 'c'},
        {"cluster", required_argument, NULL, 'e'},     {0},
    };
    struct local_config *config = &choice->config;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            config->directory = optarg;
            break;
        case 'q':
            config->quota = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            config->history = strtoll(optarg, NULL, 10);
            break;
        case 'c':
            config->checkpoint = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            config->no_sync = true;
            break;
        case 'p':
            config->max_pending = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            config->max_watchers = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            choice->observe = true;
            break;
        case 'e':
            choice->members = optarg;
            break;
        default:
            exit(2);
        }
    }
    if (config->directory == NULL) {
        fprintf(stderr, "store-driver: --directory is missing\n");
        exit(2);
    }
}

static struct store *open_cluster(const struct choice *choice, struct buf *why) {
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX];
    struct etcd_store_config config = {
        .max_pending = choice->config.max_pending,
        .max_watchers = choice->config.max_watchers,
    };

    etcd_client_config_init(&config.client);
    config.client.endpoints = endpoints;
    config.client.seed = 1;
    config.client.request_timeout_ns = 60 * CLOCK_NS_PER_S; /* a machine under test is slow */
    config.client.attempt_timeout_ns = 60 * CLOCK_NS_PER_S;
    return etcd_endpoints_parse(slice_from_string(choice->members), endpoints, ETCD_MEMBERS_MAX,
                                &config.client.endpoint_count, why)
               ? etcd_store_open(&config, why)
               : NULL;
}

/* Says how it went: ready, and then revision and open_ns (how long it took), or why not. */
static struct store *open_store(const struct choice *choice) {
    json_t *answer = json_object();
    int64_t start = clock_monotonic_ns();
    struct store *store;
    struct buf why;

    buf_init(&why, WHY_BYTES);
    store = choice->members != NULL ? open_cluster(choice, &why) : local_open(&choice->config, &why);
    json_object_set_new(answer, "ready", json_boolean(store != NULL));
    if (store != NULL) {
        json_object_set_new(answer, "revision", encode_integer(store_revision(store)));
        json_object_set_new(answer, "open_ns", encode_integer(clock_monotonic_ns() - start));
    } else {
        json_object_set_new(answer, "why", json_stringn(why.data, why.size));
    }
    say(answer);
    buf_fini(&why);
    return store;
}

int main(int argc, char **argv) {
    struct choice choice = {
        .config =
            {
                .quota = 1 << 30,
                .max_pending = 100000,
                .max_watchers = WATCHES_MAX,
                .now_ns = clock_monotonic_ns,
            },
    };
    struct store *store;

    read_options(argc, argv, &choice);
    store = open_store(&choice);
    if (store == NULL) {
        return 1;
    }
    if (choice.observe) {
        watch_observe(store);
    }
    serve(store);
    json_decref(await_async());
    watch_close_all();
    store_close(store);
    return 0;
}
