/* SPDX-License-Identifier: Apache-2.0 */
/* Caches what is dear to compute, and tells a collector about it: fibonacci HOST:PORT
 *
 * cc fibonacci.c $(pkg-config --cflags --libs larder) -o fibonacci
 *
 * Two numbers, each in two rounds: the first computes and stores what it has not found, the second finds it. What happens is
 * one trace, which goes where OTEL_EXPORTER_OTLP_ENDPOINT says (http://localhost:4318); `larder trace --listen
 * 127.0.0.1:4318` shows it. OTEL_SDK_DISABLED=true does without. */
#include <inttypes.h>
#include <larder/larder.h>
#include <larder/trace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program {
    struct larder_tracer *tracer;
    struct larder_cache *cache;
};

/* 1, 2, 3, 5, 8, ...: each is the sum of the two before it, and the first two are 1 and 2. In the count of those who begin
 * with 0, 1, 1, 2 it is the number n + 2, so the one of 30 is 2178309. Slow on purpose. */
static uint64_t fibonacci(unsigned n) {
    return n < 2 ? n + 1 : fibonacci(n - 1) + fibonacci(n - 2);
}

static struct larder_span *begin(const struct program *p, const char *name, const struct larder_span *parent) {
    return larder_span_begin(p->tracer, name, LARDER_SPAN_INTERNAL, parent);
}

static int complain(const char *what, const struct larder_result *result) {
    fprintf(stderr, "fibonacci: %s: %s\n", what,
            result->message[0] != '\0' ? result->message : larder_strerror(result->status));
    return EXIT_FAILURE;
}

/* The text of the number, in `found`, as far as the cache has it. */
static enum larder_status look_up(const struct program *p, const struct larder_span *round, const char *key,
                                  struct larder_result *found) {
    struct larder_span *lookup = begin(p, "lookup", round);
    struct larder_cache *view;

    found->status = larder_cache_within(p->cache, lookup, &view);
    if (found->status == LARDER_DONE) {
        larder_cache_get(view, key, strlen(key), found);
        larder_cache_free(view);
    }
    if (found->status < 0) {
        larder_span_set_status(lookup, LARDER_SPAN_ERROR, found->message);
    } else {
        larder_span_add_event(lookup, found->status == LARDER_HIT ? "Cache hit" : "Cache miss");
    }
    larder_span_end(lookup);
    return found->status;
}

static uint64_t compute(const struct program *p, const struct larder_span *round, unsigned n) {
    struct larder_span *span = begin(p, "compute", round);
    uint64_t number = fibonacci(n);

    larder_span_set_int(span, "fibonacci.n", n);
    larder_span_end(span);
    return number;
}

static void store(const struct program *p, const struct larder_span *round, const char *key, uint64_t number,
                  struct larder_result *stored) {
    struct larder_span *span = begin(p, "serialise", round);
    struct larder_cache *view;
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRIu64, number);

    larder_span_end(span);
    stored->status = larder_cache_within(p->cache, round, &view);
    if (stored->status == LARDER_DONE) {
        larder_cache_set(view, key, strlen(key), text, (size_t)size, 60, 0, stored);
        larder_cache_free(view);
    }
}

static uint64_t deserialise(const struct program *p, const struct larder_span *round, const char *text) {
    struct larder_span *span = begin(p, "deserialise", round);
    uint64_t number = strtoull(text, NULL, 10);

    larder_span_end(span);
    return number;
}

static int run_round(const struct program *p, const struct larder_span *parent, int number_of_round, unsigned n) {
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_span *round;
    char name[32], key[32];
    uint64_t number = 0;
    int code = EXIT_SUCCESS;

    snprintf(name, sizeof(name), "Round-%d", number_of_round);
    snprintf(key, sizeof(key), "fibonacci-%u", n);
    round = begin(p, name, parent);
    if (look_up(p, round, key, &result) == LARDER_HIT) {
        number = deserialise(p, round, result.value);
    } else if (result.status == LARDER_MISS) {
        number = compute(p, round, n);
        store(p, round, key, number, &result);
    }
    if (result.status < 0) {
        code = complain(key, &result);
        larder_span_set_status(round, LARDER_SPAN_ERROR, result.message);
    } else {
        printf("Fibonacci %u ==> %" PRIu64 "\n", n, number);
    }
    larder_span_end(round);
    larder_result_free(&result);
    return code;
}

static int calculate(const struct program *p, const struct larder_span *root, unsigned n) {
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_span *span;
    struct larder_cache *view;
    char name[32], key[32];
    int code;

    snprintf(name, sizeof(name), "CalculateFibonacci-%u", n);
    snprintf(key, sizeof(key), "fibonacci-%u", n);
    span = begin(p, name, root);
    code = run_round(p, span, 1, n);
    if (code == EXIT_SUCCESS) {
        code = run_round(p, span, 2, n);
    }
    if (larder_cache_within(p->cache, span, &view) == LARDER_DONE) {
        if (larder_cache_delete(view, key, strlen(key), &result) < 0 && code == EXIT_SUCCESS) {
            code = complain(key, &result);
        }
        larder_cache_free(view);
    }
    larder_span_end(span);
    larder_result_free(&result);
    return code;
}

static void print_log(void *ctx, enum larder_log_level level, const char *message) {
    (void)ctx;
    (void)level;
    fprintf(stderr, "fibonacci: %s\n", message);
}

int main(int argc, char **argv) {
    struct larder_tracer_options tracing = {.size = sizeof(tracing), .log = print_log};
    struct larder_cache_options options = {.size = sizeof(options)};
    struct program p;
    struct larder_span *root;
    char why[LARDER_MESSAGE_MAX] = "";
    int code;

    if (argc != 2) {
        fprintf(stderr, "usage: fibonacci HOST:PORT\n");
        return 2;
    }
    setenv("OTEL_SERVICE_NAME", "fibonacci", 0);
    if (larder_tracer_new(&tracing, &p.tracer) != LARDER_DONE) {
        p.tracer = NULL; /* it computes without */
    }
    options.tracer = p.tracer;
    if (larder_cache_new(argv[1], &options, &p.cache, why) != LARDER_DONE) {
        fprintf(stderr, "fibonacci: %s\n", why);
        larder_tracer_free(p.tracer);
        return 2;
    }
    root = begin(&p, "Fibonacci", NULL);
    code = calculate(&p, root, 30);
    if (code == EXIT_SUCCESS) {
        code = calculate(&p, root, 33);
    }
    larder_span_end(root);
    larder_cache_free(p.cache);
    larder_tracer_free(p.tracer);
    return code;
}
