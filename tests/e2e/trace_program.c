/* SPDX-License-Identifier: Apache-2.0 */
/* Does with liblarder's tracer and cache what the lines on standard input say, and answers each with a line:
 *
 *     spans N               begins and ends that many spans
 *     error TEXT            a span that ends with an error
 *     remote TRACEPARENT [TRACESTATE]    a span with that parent; answers with the span's own, and its tracestate
 *     get KEY, set KEY, many KEY...      calls of the cache; answers with larder_strerror
 *     batch KEY...          deletes them in one batch
 *     flush MS              done, or timed out
 *     figures               spans sent, spans dropped, posts
 *     metrics               the text for Prometheus, and a line with a dot
 *
 * The servers are its argument. At the end of its input it frees all and exits with 0. */
#include <inttypes.h>
#include <larder/larder.h>
#include <larder/trace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, TEXT_MAX = 1 << 20 };

static struct larder_tracer *tracer;
static struct larder_cache *cache;

static void say_spans(const char *count) {
    for (long i = atol(count); i > 0; i--) {
        larder_span_end(larder_span_begin(tracer, "work", LARDER_SPAN_INTERNAL, NULL));
    }
    puts("ok");
}

static void say_error(const char *text) {
    struct larder_span *parent = larder_span_begin(tracer, "parent", LARDER_SPAN_INTERNAL, NULL);
    struct larder_span *span = larder_span_begin(tracer, "fails", LARDER_SPAN_INTERNAL, parent);

    larder_span_set_status(span, LARDER_SPAN_ERROR, text);
    larder_span_end(span);
    larder_span_end(parent);
    puts("ok");
}

static void say_remote(const char *traceparent, const char *tracestate) {
    char own[LARDER_TRACEPARENT_MAX], state[LARDER_TRACESTATE_MAX];
    struct larder_span *span = larder_span_begin_remote(tracer, "remote", LARDER_SPAN_SERVER, traceparent, tracestate);

    larder_span_set_double(span, "half", 0.5);
    larder_span_set_bool(span, "yes", true);
    larder_span_set_int(span, "minus", -1);
    larder_span_set_string(span, "text", "first");
    larder_span_set_string(span, "text", "caf\xc3\xa9");
    printf("%s %s\n", larder_span_traceparent(span, own), larder_span_tracestate(span, state));
    larder_span_end(span);
}

static void say_many(char *keys, int is_batch) {
    struct larder_result results[KEYS_MAX];
    struct larder_key list[KEYS_MAX];
    struct larder_batch *batch;
    size_t count = 0;

    for (char *key = strtok(keys, " "); key != NULL && count < KEYS_MAX; key = strtok(NULL, " ")) {
        results[count] = LARDER_RESULT_INIT;
        list[count].data = key;
        list[count++].size = strlen(key);
    }
    if (is_batch) {
        if (larder_batch_new(cache, &batch) != LARDER_DONE) {
            exit(3);
        }
        for (size_t i = 0; i < count; i++) {
            larder_batch_delete(batch, list[i].data, list[i].size);
        }
        puts(larder_strerror(larder_batch_run(batch, NULL, NULL)));
        larder_batch_free(batch);
    } else {
        puts(larder_strerror(larder_cache_get_many(cache, list, count, results)));
    }
    for (size_t i = 0; i < count; i++) {
        larder_result_free(&results[i]);
    }
}

static void say_get(const char *key) {
    struct larder_result result = LARDER_RESULT_INIT;

    puts(larder_strerror(larder_cache_get(cache, key, strlen(key), &result)));
    larder_result_free(&result);
}

static void say_figures(void) {
    struct larder_tracer_figures figures = {.size = sizeof(figures)};

    larder_tracer_get_figures(tracer, &figures);
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", figures.spans_sent, figures.spans_dropped, figures.posts);
}

static void say_metrics(void) {
    static char text[TEXT_MAX];

    larder_tracer_metrics(tracer, text, sizeof(text));
    printf("%s.\n", text);
}

static void obey(char *line) {
    char *rest = strchr(line, ' '), *second;

    if (rest != NULL) {
        *rest++ = '\0';
    }
    second = rest == NULL || strcmp(line, "remote") != 0 ? NULL : strchr(rest, ' ');
    if (second != NULL) {
        *second++ = '\0';
    }
    if (strcmp(line, "spans") == 0) {
        say_spans(rest);
    } else if (strcmp(line, "error") == 0) {
        say_error(rest);
    } else if (strcmp(line, "remote") == 0) {
        say_remote(rest, second);
    } else if (strcmp(line, "get") == 0) {
        say_get(rest);
    } else if (strcmp(line, "set") == 0) {
        puts(larder_strerror(larder_cache_set(cache, rest, strlen(rest), "v", 1, 0, 0, NULL)));
    } else if (strcmp(line, "many") == 0 || strcmp(line, "batch") == 0) {
        say_many(rest, line[0] == 'b');
    } else if (strcmp(line, "flush") == 0) {
        puts(larder_strerror(larder_tracer_flush(tracer, (unsigned)atoi(rest))));
    } else if (strcmp(line, "figures") == 0) {
        say_figures();
    } else if (strcmp(line, "metrics") == 0) {
        say_metrics();
    } else {
        exit(4);
    }
    fflush(stdout);
}

static void print_log(void *ctx, enum larder_log_level level, const char *message) {
    (void)ctx;
    fprintf(stderr, "%s: %s\n", level == LARDER_LOG_WARNING ? "warning" : "info", message);
}

int main(int argc, char **argv) {
    struct larder_tracer_options tracing = {.size = sizeof(tracing), .log = print_log};
    struct larder_cache_options options = {.size = sizeof(options)};
    char line[4096];

    if (argc != 2 || larder_tracer_new(&tracing, &tracer) != LARDER_DONE) {
        return 2;
    }
    options.tracer = tracer;
    if (larder_cache_new(argv[1], &options, &cache, NULL) != LARDER_DONE) {
        return 2;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
    }
    larder_cache_free(cache);
    larder_tracer_free(tracer);
    return 0;
}
