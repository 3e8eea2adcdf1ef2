/* SPDX-License-Identifier: Apache-2.0 */
#include "export/exporter.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "export/otlp_answer.h"
#include "export/retry.h"
#include "net/post.h"

enum { BODY_MAX = 64 << 20, LOG_MAX = 512, REASON_MAX = OTLP_MESSAGE_MAX + 48 };

/* What has become of what was sent last, from bad to worse. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_WARNS,   /* the collector took all, and had something to say */
    TROUBLE_REJECTS, /* it did not take all */
    TROUBLE_FAILS,   /* it took nothing, so far */
};

/* Of one signal: its connection, and how the collector takes it. */
struct target {
    const struct otel_signal *signal;
    const char *what; /* for people */
    struct post *post;
    enum trouble trouble;
};

struct exporter {
    struct exporter_config config;
    pthread_t thread;
    struct target spans, metrics;
    struct buf body;
    struct random random;
    int64_t next_spans_ns; /* when those that make no whole batch are sent too */
    int64_t next_metrics_ns;
    _Atomic int64_t end_ns; /* of everything; INT64_MAX: no end is in sight */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    uint64_t rounds_asked, rounds_done;
    bool ended;
    struct exporter_figures figures;
};

static int64_t end_of(struct exporter *e) {
    return atomic_load_explicit(&e->end_ns, memory_order_acquire);
}

static struct timespec timespec_of(int64_t ns) {
    return (struct timespec){.tv_sec = ns / CLOCK_NS_PER_S, .tv_nsec = ns % CLOCK_NS_PER_S};
}

static void say(struct exporter *e, enum exporter_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct exporter *e, enum exporter_log_level level, const char *format, ...) {
    char text[LOG_MAX];
    va_list arguments;

    if (e->config.log == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    e->config.log(e->config.log_ctx, level, text);
}

/* Once when it begins and once when it is over, not for each batch. */
static void tell(struct exporter *e, struct target *t, enum trouble trouble, const char *why) {
    static const char *const verbs[] = {
        [TROUBLE_WARNS] = "warns of",
        [TROUBLE_REJECTS] = "rejects some",
        [TROUBLE_FAILS] = "takes no",
    };
    enum trouble before = t->trouble;

    t->trouble = trouble;
    if (before >= TROUBLE_REJECTS && trouble < TROUBLE_REJECTS) {
        say(e, EXPORTER_INFO, "%s takes %s again; %llu spans were dropped so far", t->signal->url, t->what,
            (unsigned long long)exporter_figures(e).spans_dropped);
    }
    if (trouble != before && trouble != TROUBLE_NONE) {
        say(e, EXPORTER_WARNING, "%s %s %s: %s", t->signal->url, verbs[trouble], t->what, why);
    }
}

/* What the collector says of a batch that it has taken. Returns how much of it was rejected. */
static uint64_t heed_answer(struct exporter *e, struct target *t, struct slice body) {
    struct otlp_answer answer;
    char why[REASON_MAX];

    (void)otlp_answer_read(body, &answer);
    if (answer.rejected == 0) {
        tell(e, t, answer.message[0] == '\0' ? TROUBLE_NONE : TROUBLE_WARNS, answer.message);
        return 0;
    }
    snprintf(why, sizeof(why), "%llu of a batch, %s", (unsigned long long)answer.rejected,
             answer.message[0] == '\0' ? "without a reason" : answer.message);
    tell(e, t, TROUBLE_REJECTS, why);
    return answer.rejected;
}

/* Waits for the time, or the end if that comes first; where nobody listens, only as long as the program does not end. */
static void rest(struct exporter *e, int64_t until_ns, bool nobody_is_there) {
    pthread_mutex_lock(&e->lock);
    for (;;) {
        int64_t end_ns = end_of(e), first_ns = until_ns < end_ns ? until_ns : end_ns;
        struct timespec first = timespec_of(first_ns);

        if (clock_monotonic_ns() >= first_ns || (nobody_is_there && end_ns != INT64_MAX)) {
            break;
        }
        (void)pthread_cond_timedwait(&e->changed, &e->lock, &first);
    }
    pthread_mutex_unlock(&e->lock);
}

static bool is_of_nobody(enum larder_error error) {
    return error == LARDER_ERROR_REFUSED || error == LARDER_ERROR_NOT_FOUND || error == LARDER_ERROR_UNREACHABLE;
}

static enum retry_verdict attempt(struct exporter *e, struct target *t, int64_t end_ns, struct post_answer *ret_answer,
                                  bool *ret_nobody_is_there) {
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)t->signal->timeout_ms * CLOCK_NS_PER_MS;
    const struct post_request request = {
        .url = t->signal->url,
        .fields = t->signal->fields,
        .field_count = t->signal->field_count,
        .content_type = "Content-Type: application/x-protobuf",
        .body = buf_slice(&e->body),
        .deadline_ns = deadline_ns < end_ns ? deadline_ns : end_ns,
        .end_ns = &e->end_ns,
    };
    enum larder_error error = post_send(t->post, &request, ret_answer);

    *ret_nobody_is_there = is_of_nobody(error);
    pthread_mutex_lock(&e->lock);
    e->figures.posts++;
    pthread_mutex_unlock(&e->lock);
    /* A program that ends does not wait for somebody to come. */
    return *ret_nobody_is_there && end_of(e) != INT64_MAX ? RETRY_DROP : retry_judge(error, ret_answer->status);
}

/* Sends the body, again and again for as long as that is worth it. False: it is lost. What was rejected is not sent again, as
 * OTLP's specification has it. */
static bool deliver(struct exporter *e, struct target *t, uint64_t *ret_rejected) {
    int64_t give_up_ns = clock_monotonic_ns() + (int64_t)e->config.settings->export_timeout_ms * CLOCK_NS_PER_MS;

    for (unsigned attempts = 1;; attempts++) {
        struct post_answer answer;
        bool nobody_is_there;
        enum retry_verdict verdict = attempt(e, t, give_up_ns, &answer, &nobody_is_there);
        int64_t next_ns, end_ns = end_of(e);

        if (verdict == RETRY_SENT) {
            *ret_rejected = heed_answer(e, t, answer.body);
            return true;
        }
        tell(e, t, TROUBLE_FAILS, answer.why);
        next_ns = clock_monotonic_ns() + e->config.delay(attempts, answer.retry_after_s, &e->random);
        if (verdict == RETRY_DROP || next_ns >= give_up_ns || next_ns >= end_ns) {
            return false;
        }
        rest(e, next_ns, nobody_is_there);
        if (clock_monotonic_ns() >= end_of(e)) {
            return false;
        }
    }
}

static void send_spans(struct exporter *e, const struct span_batch *batch) {
    uint64_t rejected = batch->count;

    e->body.size = 0;
    if (e->config.settings->traces.on && clock_monotonic_ns() < end_of(e) &&
        otlp_write_spans(&e->config.settings->resource, buf_slice(&batch->bytes), &e->body) == LARDER_OK) {
        (void)deliver(e, &e->spans, &rejected);
    }
    rejected = rejected > batch->count ? batch->count : rejected;
    pthread_mutex_lock(&e->lock);
    e->figures.spans_sent += batch->count - rejected;
    e->figures.spans_dropped += rejected;
    pthread_mutex_unlock(&e->lock);
}

static void send_metrics(struct exporter *e) {
    uint64_t rejected = 0;
    bool sent = false;

    e->body.size = 0;
    if (clock_monotonic_ns() < end_of(e) &&
        otlp_write_calls(&e->config.settings->resource, e->config.calls, clock_wall_ns(), &e->body) == LARDER_OK) {
        sent = deliver(e, &e->metrics, &rejected) && rejected == 0;
    }
    pthread_mutex_lock(&e->lock);
    *(sent ? &e->figures.metrics_sent : &e->figures.metrics_dropped) += 1;
    pthread_mutex_unlock(&e->lock);
}

static bool has_metrics(const struct exporter *e) {
    return e->config.calls != NULL && e->config.settings->metrics.on;
}

/* Of the spans that are there now, those that make whole batches, or `all`. What comes meanwhile waits for its own time: else
 * batches would become as small as one span. */
static void work_on_spans(struct exporter *e, bool all) {
    struct span_queue *queue = &e->config.tracer->queue;
    size_t batch_max = e->config.settings->batch_max, left = span_queue_figures(queue).count;

    while (left >= batch_max || (all && left > 0)) {
        struct span_batch *batch = span_queue_take(queue);

        send_spans(e, batch);
        left -= batch->count < left ? batch->count : left;
        span_queue_give_batch_back(queue, batch);
    }
}

/* One round: what it is time for, or `all`. */
static void work(struct exporter *e, bool all) {
    const struct otel_settings *s = e->config.settings;
    bool due = all || clock_monotonic_ns() >= e->next_spans_ns;

    work_on_spans(e, due);
    if (due) {
        e->next_spans_ns = clock_monotonic_ns() + (int64_t)s->schedule_delay_ms * CLOCK_NS_PER_MS;
    }
    if (has_metrics(e) && (all || clock_monotonic_ns() >= e->next_metrics_ns)) {
        send_metrics(e);
        e->next_metrics_ns = clock_monotonic_ns() + (int64_t)s->metric_interval_ms * CLOCK_NS_PER_MS;
    }
}

static void *run(void *ctx) {
    struct exporter *e = ctx;
    struct span_queue *queue = &e->config.tracer->queue;
    bool closed;

    do {
        int64_t until_ns = e->next_spans_ns;
        uint64_t round;
        bool all;

        span_queue_wait(queue, has_metrics(e) && e->next_metrics_ns < until_ns ? e->next_metrics_ns : until_ns);
        closed = span_queue_is_closed(queue); /* before it is emptied: nothing comes behind that */
        all = span_queue_heed(queue) || closed;
        pthread_mutex_lock(&e->lock);
        round = e->rounds_asked;
        all = all || round > e->rounds_done;
        pthread_mutex_unlock(&e->lock);
        work(e, all);
        pthread_mutex_lock(&e->lock);
        e->rounds_done = round;
        e->ended = closed;
        pthread_cond_broadcast(&e->changed);
        pthread_mutex_unlock(&e->lock);
    } while (!closed);
    return NULL;
}

/* Signals are the program's. */
static int start_thread(struct exporter *e) {
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void exporter_free(struct exporter *e) {
    post_free(e->spans.post);
    post_free(e->metrics.post);
    buf_fini(&e->body);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

enum larder_error exporter_start(const struct exporter_config *config, struct exporter **ret_exporter) {
    const struct otel_settings *s = config->settings;
    struct exporter *e = calloc(1, sizeof(*e));
    pthread_condattr_t attributes;

    if (e == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    e->config = *config;
    if (e->config.delay == NULL) {
        e->config.delay = retry_delay_ns;
    }
    e->spans = (struct target){.signal = &s->traces, .what = "spans", .post = post_new(s->traces.ca_file)};
    e->metrics = (struct target){.signal = &s->metrics, .what = "metrics", .post = post_new(s->metrics.ca_file)};
    buf_init(&e->body, BODY_MAX);
    random_init(&e->random, config->seed);
    e->next_spans_ns = clock_monotonic_ns() + (int64_t)s->schedule_delay_ms * CLOCK_NS_PER_MS;
    e->next_metrics_ns = clock_monotonic_ns() + (int64_t)s->metric_interval_ms * CLOCK_NS_PER_MS;
    atomic_init(&e->end_ns, INT64_MAX);
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (e->spans.post == NULL || e->metrics.post == NULL) {
        exporter_free(e);
        return LARDER_ERROR_NO_MEMORY;
    }
    if (start_thread(e) != 0) {
        exporter_free(e);
        return LARDER_ERROR_LIMIT;
    }
    *ret_exporter = e;
    return LARDER_OK;
}

bool exporter_flush(struct exporter *e, int64_t timeout_ns) {
    struct timespec until = timespec_of(clock_monotonic_ns() + timeout_ns);
    uint64_t round;
    int waited = 0;
    bool done;

    if (process_mark_is_foreign(&e->config.tracer->mark)) {
        return false;
    }
    pthread_mutex_lock(&e->lock);
    round = ++e->rounds_asked;
    pthread_mutex_unlock(&e->lock);
    span_queue_ask(&e->config.tracer->queue);
    pthread_mutex_lock(&e->lock);
    while (e->rounds_done < round && !e->ended && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&e->changed, &e->lock, &until);
    }
    done = e->rounds_done >= round;
    pthread_mutex_unlock(&e->lock);
    return done;
}

void exporter_stop(struct exporter *e, int64_t timeout_ns) {
    if (e == NULL || process_mark_is_foreign(&e->config.tracer->mark)) {
        return;
    }
    atomic_store_explicit(&e->end_ns, clock_monotonic_ns() + timeout_ns, memory_order_release);
    span_queue_close(&e->config.tracer->queue);
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    post_wake(e->spans.post);
    post_wake(e->metrics.post);
    pthread_join(e->thread, NULL);
    exporter_free(e);
}

struct exporter_figures exporter_figures(struct exporter *e) {
    struct span_queue_figures queue = span_queue_figures(&e->config.tracer->queue);
    struct exporter_figures figures;

    pthread_mutex_lock(&e->lock);
    figures = e->figures;
    pthread_mutex_unlock(&e->lock);
    figures.spans_dropped += queue.dropped + atomic_load_explicit(&e->config.tracer->lost, memory_order_relaxed);
    return figures;
}
