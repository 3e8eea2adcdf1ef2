/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/bench/dialect.h"
#include "cli/bench/process.h"
#include "cli/bench/worker.h"

enum {
    LOOK_MS = 5,
    SHOW_MS = 100,
    STALL_S = 30, /* a run without an end of its own gives up after so long without any answer */
    PREFILL_PIPELINE = 32,
    PREFILL_BATCH_BYTES = 1 << 20,
};

/* A run while it is under way. */
struct run {
    struct load load;
    const struct bench_config *config;
    const struct subject *subjects;
    const struct progress *progress;
    struct worker *workers;
    uint64_t started; /* workers */
    char *value;
    int64_t shown_ns;
    uint64_t shown_done;
};

struct sample {
    int64_t now_ns;
    uint64_t client_cpu_ns;
    uint64_t server_cpu_ns;
    bool server_measured;
};

static void take_sample(const struct run *run, struct sample *sample) {
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    sample->client_cpu_ns = (uint64_t)cpu.tv_sec * (uint64_t)CLOCK_NS_PER_S + (uint64_t)cpu.tv_nsec;
    sample->server_measured =
        run->subjects[0].pid != 0 && process_cpu_ns(run->subjects[0].pid, &sample->server_cpu_ns) == LARDER_OK;
    sample->now_ns = clock_monotonic_ns();
}

static uint64_t sum_done(const struct run *run) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        sum += atomic_load_explicit(&run->workers[i].done, memory_order_relaxed);
    }
    return sum;
}

static const struct worker *find_failed(const struct run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (atomic_load(&run->workers[i].failed)) {
            return &run->workers[i];
        }
    }
    return NULL;
}

static bool complain_if_failed(const struct run *run) {
    const struct worker *failed = find_failed(run);
    char text[ADDRESS_TEXT_MAX];

    if (failed == NULL) {
        return false;
    }
    progress_clear(run->progress);
    fprintf(stderr, "larder bench: %s: %s\n", address_format(&run->subjects[failed->failed_node].address, text),
            failed->message);
    return true;
}

static bool complain(const struct run *run, const char *trouble) {
    char text[ADDRESS_TEXT_MAX];

    progress_clear(run->progress);
    fprintf(stderr, "larder bench: %s: %s\n", address_format(&run->subjects[0].address, text), trouble);
    return false;
}

static bool all_connected(const struct run *run) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        sum += atomic_load_explicit(&run->workers[i].connected, memory_order_relaxed);
    }
    return sum == run->load.connections;
}

static bool all_finished(const struct run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].finished)) {
            return false;
        }
    }
    return true;
}

static void nap(void) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * CLOCK_NS_PER_MS};

    nanosleep(&pause, NULL);
}

static bool start_workers(struct run *run) {
    uint64_t threads = run->config->threads;

    run->workers = calloc(threads, sizeof(struct worker));
    if (run->workers == NULL) {
        return complain(run, "out of memory");
    }
    while (run->started < threads) {
        enum larder_error error = worker_start(&run->workers[run->started], &run->load, run->started);

        if (error != LARDER_OK) {
            return complain(run, larder_error_text(error));
        }
        run->started++;
    }
    while (!all_connected(run)) {
        if (complain_if_failed(run)) {
            return false;
        }
        nap();
    }
    return true;
}

static void let_go(struct run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        worker_go(&run->workers[i]);
    }
}

static void show(struct run *run, const char *label, double fraction) {
    int64_t now = clock_monotonic_ns();
    uint64_t done;

    if (now - run->shown_ns < SHOW_MS * CLOCK_NS_PER_MS) {
        return;
    }
    done = sum_done(run);
    progress_show(run->progress, label, fraction < 1.0 ? fraction : 1.0,
                  (double)(done - run->shown_done) * (double)CLOCK_NS_PER_S / (double)(now - run->shown_ns));
    run->shown_ns = now;
    run->shown_done = done;
}

static bool wait_for_time(struct run *run, const char *label, int64_t duration_ns) {
    int64_t start = clock_monotonic_ns();
    int64_t passed = 0;

    while (passed < duration_ns && !all_finished(run)) {
        if (complain_if_failed(run)) {
            return false;
        }
        show(run, label, (double)passed / (double)duration_ns);
        nap();
        passed = clock_monotonic_ns() - start;
    }
    return true;
}

static bool wait_for_end(struct run *run, const char *label, uint64_t total) {
    uint64_t first = sum_done(run);
    uint64_t last = first;
    int64_t moved_ns = clock_monotonic_ns();

    while (!all_finished(run)) {
        uint64_t done = sum_done(run);

        if (complain_if_failed(run)) {
            return false;
        }
        if (done != last) {
            last = done;
            moved_ns = clock_monotonic_ns();
        } else if (clock_monotonic_ns() - moved_ns > STALL_S * CLOCK_NS_PER_S) {
            return complain(run, "no more answers");
        }
        show(run, label, (double)(done - first) / (double)total);
        nap();
    }
    return true;
}

static bool measure(struct run *run) {
    uint64_t total = workload_total(run->load.kind, run->config, run->load.trace);

    if (run->load.kind == WORKLOAD_PREFILL) {
        return wait_for_end(run, "prefill", total);
    }
    if (run->load.kind == WORKLOAD_REPLAY) {
        return wait_for_end(run, "replay", total);
    }
    return run->load.quota > 0 ? wait_for_end(run, "measure", run->load.quota)
                               : wait_for_time(run, "measure", run->config->time_ns);
}

/* When the last answer came, if that ended the run; it was noticed only a little later. */
static int64_t end_ns(const struct run *run, int64_t noticed_ns) {
    int64_t last = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].finished)) {
            return noticed_ns;
        }
        last = run->workers[i].finished_ns > last ? run->workers[i].finished_ns : last;
    }
    return last;
}

static void collect(const struct run *run, const struct sample *before, const struct sample *after,
                    struct run_result *result) {
    stats_init(&result->stats);
    for (uint64_t i = 0; i < run->started; i++) {
        stats_merge(&result->stats, &run->workers[i].stats);
    }
    result->elapsed_ns = end_ns(run, after->now_ns) - before->now_ns;
    result->client_cpu_ns = after->client_cpu_ns - before->client_cpu_ns;
    result->server_measured = before->server_measured && after->server_measured &&
                              process_resident(run->subjects[0].pid, &result->server_resident) == LARDER_OK;
    result->server_cpu_ns = result->server_measured ? after->server_cpu_ns - before->server_cpu_ns : 0;
}

static void finish_workers(struct run *run) {
    atomic_store(&run->load.phase, PHASE_OVER);
    for (uint64_t i = 0; i < run->started; i++) {
        worker_finish(&run->workers[i]);
    }
    progress_clear(run->progress);
}

static size_t digits_of(uint64_t number) {
    char digits[NUMBER_MAX_DIGITS];

    return number_format_u64(number, digits);
}

/* All values are cuts of the same bytes. */
static bool prepare_value(struct run *run) {
    struct load *load = &run->load;

    load->value_max = load->kind == WORKLOAD_REPLAY ? load->trace->size_max : (uint32_t)run->config->value_size.max;
    run->value = malloc((size_t)load->value_max + 1);
    if (run->value == NULL) {
        return complain(run, "out of memory");
    }
    for (uint32_t i = 0; i < load->value_max; i++) {
        run->value[i] = (char)('a' + i % 26);
    }
    load->encoder = (struct encoder){
        .protocol = run->config->protocol,
        .key_size = run->config->key_size,
        .prefix = slice_from_string(run->config->key_prefix),
        .host = slice_from_string(run->subjects[0].host),
        .value = run->value,
    };
    if (load->kind == WORKLOAD_REPLAY && load->encoder.key_size < digits_of(load->trace->key_max)) {
        load->encoder.key_size = digits_of(load->trace->key_max);
    }
    return true;
}

/* A prefill goes as fast as it can, whatever the load that follows; but large values need no deep pipeline, and with
 * one they would fill the memory. */
static uint64_t prefill_pipeline(uint64_t value_max) {
    uint64_t count = PREFILL_BATCH_BYTES / (value_max + 1);

    return count < 1 ? 1 : count > PREFILL_PIPELINE ? PREFILL_PIPELINE : count;
}

/* Lets the requests begin, and takes the sample from which they count: without a warm-up that is before the first, or a
 * short run could be over by then. */
static bool begin(struct run *run, bool warm, struct sample *ret_before) {
    if (!warm) {
        take_sample(run, ret_before);
        let_go(run);
        return true;
    }
    let_go(run);
    if (!wait_for_time(run, "warm-up", run->config->warmup_ns)) {
        return false;
    }
    take_sample(run, ret_before);
    atomic_store(&run->load.phase, PHASE_MEASURE);
    return true;
}

static bool execute(struct run *run, struct run_result *ret_result) {
    bool warm = run->load.kind == WORKLOAD_MIX && run->config->warmup_ns > 0;
    struct sample before, after;
    bool done;

    atomic_init(&run->load.phase, warm ? PHASE_WARMUP : PHASE_MEASURE);
    if (!start_workers(run) || !begin(run, warm, &before)) {
        finish_workers(run);
        return false;
    }
    done = measure(run);
    atomic_store(&run->load.phase, PHASE_OVER);
    take_sample(run, &after);
    finish_workers(run);
    if (!done) {
        return false;
    }
    collect(run, &before, &after, ret_result);
    if (ret_result->server_measured && ret_result->server_cpu_ns == 0) {
        return complain(run, "the given process did nothing meanwhile; it is not the server");
    }
    return run->load.service != NULL || ret_result->stats.requests > 0 ||
           complain(run, "no request was answered while it was measured");
}

static const struct dialect *choose_dialect(const struct run_plan *plan) {
    return plan->service != NULL                  ? &dialect_service
           : plan->config->protocol == BENCH_HTTP ? &dialect_http
                                                  : &dialect_memcached;
}

static uint64_t choose_pipeline(const struct run_plan *plan) {
    bool deep = plan->kind == WORKLOAD_PREFILL && plan->service == NULL;

    return deep ? prefill_pipeline(plan->config->value_size.max) : plan->config->pipeline;
}

bool run_load(const struct run_plan *plan, const struct progress *progress, struct run_result *ret_result) {
    bool mixed = plan->kind == WORKLOAD_MIX;
    struct run run = {
        .load = {.config = plan->config,
                 .subjects = plan->subjects,
                 .subject_count = plan->subject_count,
                 .dialect = choose_dialect(plan),
                 .service = plan->service,
                 .kind = plan->kind,
                 .trace = plan->trace,
                 .connections = plan->config->connections,
                 .pipeline = choose_pipeline(plan),
                 .quota = mixed ? plan->config->requests : 0,
                 .rate = mixed ? plan->config->rate : 0},
        .config = plan->config,
        .subjects = plan->subjects,
        .progress = progress,
        .shown_ns = clock_monotonic_ns(),
    };
    bool done = prepare_value(&run) && execute(&run, ret_result);

    free(run.value);
    free(run.workers);
    return done;
}
