/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cli/bench/etcd/operation.h"
#include "cli/bench/etcd/worker.h"

enum { LOOK_MS = 2, SHOW_MS = 100 };

/* A run while it is under way. */
struct etcd_run {
    struct etcd_load load;
    const struct etcd_config *config;
    const struct progress *progress;
    struct etcd_worker *workers;
    uint64_t started; /* workers */
    int64_t shown_ns;
    uint64_t shown_moved;
    uint64_t moved; /* for the patience */
    int64_t moved_ns;
};

struct sample {
    int64_t now_ns;
    uint64_t client_cpu_ns;
    uint64_t server_cpu_ns;
    bool server_measured;
};

static void take_sample(const struct etcd_run *run, struct sample *sample) {
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    sample->client_cpu_ns = (uint64_t)cpu.tv_sec * (uint64_t)CLOCK_NS_PER_S + (uint64_t)cpu.tv_nsec;
    sample->server_measured = etcd_target_cpu(run->load.target, &sample->server_cpu_ns);
    sample->now_ns = clock_monotonic_ns();
}

/* --- looking at the workers --- */

enum counter { CONNECTED, DONE, EVENTS, EXPECTED };

static uint64_t sum(const struct etcd_run *run, enum counter counter) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        const struct etcd_worker *w = &run->workers[i];
        const atomic_uint_fast64_t *const counters[] = {
            [CONNECTED] = &w->connected, [DONE] = &w->done, [EVENTS] = &w->events, [EXPECTED] = &w->expected};

        sum += atomic_load(counters[counter]);
    }
    return sum;
}

static uint64_t count_links(const struct etcd_run *run) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        sum += run->workers[i].link_count;
    }
    return sum;
}

static bool are_connected(const struct etcd_run *run) {
    return sum(run, CONNECTED) == count_links(run);
}

static bool are_ready(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].ready)) {
            return false;
        }
    }
    return true;
}

/* All is asked and answered, and while watching all that was put has been delivered. */
static bool are_finished(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].finished)) {
            return false;
        }
    }
    return sum(run, EVENTS) >= sum(run, EXPECTED);
}

static bool never(const struct etcd_run *run) {
    (void)run;
    return false;
}

static bool complain(const struct etcd_run *run, size_t endpoint, const char *trouble) {
    char text[ADDRESS_TEXT_MAX];

    progress_clear(run->progress);
    fprintf(stderr, "larder bench: %s: %s\n", address_format(&run->load.target->endpoints[endpoint].address, text),
            trouble);
    return false;
}

static bool has_failed(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (atomic_load(&run->workers[i].failed)) {
            complain(run, run->workers[i].failed_endpoint, run->workers[i].message);
            return true;
        }
    }
    return false;
}

static bool complain_silence(const struct etcd_run *run, const char *label) {
    char trouble[256];

    if (sum(run, EXPECTED) > 0) {
        snprintf(
            trouble, sizeof(trouble),
            "nothing came for %.3g s (%s): %" PRIu64 " of %" PRIu64
            " events were delivered; the server hangs or loses events, its log may tell; --timeout sets the patience",
            (double)run->config->patience_ns / (double)CLOCK_NS_PER_S, label, sum(run, EVENTS), sum(run, EXPECTED));
    } else {
        snprintf(trouble, sizeof(trouble),
                 "nothing came for %.3g s (%s): the server hangs, or is slower than that; its log may tell; --timeout "
                 "sets the patience",
                 (double)run->config->patience_ns / (double)CLOCK_NS_PER_S, label);
    }
    return complain(run, 0, trouble);
}

/* --- waiting --- */

static void nap(void) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * CLOCK_NS_PER_MS};

    nanosleep(&pause, NULL);
}

static uint64_t count_moved(const struct etcd_run *run) {
    return sum(run, DONE) + sum(run, EVENTS) + sum(run, CONNECTED);
}

static void show(struct etcd_run *run, const char *label, double fraction) {
    int64_t now = clock_monotonic_ns();
    uint64_t moved;

    if (now - run->shown_ns < SHOW_MS * CLOCK_NS_PER_MS) {
        return;
    }
    moved = count_moved(run);
    progress_show(run->progress, label, fraction < 1.0 ? fraction : 1.0,
                  (double)(moved - run->shown_moved) * (double)CLOCK_NS_PER_S / (double)(now - run->shown_ns));
    run->shown_ns = now;
    run->shown_moved = moved;
}

static bool is_silent(struct etcd_run *run) {
    uint64_t moved = count_moved(run);
    int64_t now = clock_monotonic_ns();

    if (moved != run->moved || run->moved_ns == 0) {
        run->moved = moved;
        run->moved_ns = now;
    }
    return now - run->moved_ns > run->config->patience_ns;
}

/* What is waited for, and what is shown meanwhile. */
struct wait {
    const char *label;
    bool (*is_over)(const struct etcd_run *run);
    int64_t most_ns; /* over in any case then; 0: never */
    uint64_t total;  /* requests, for the bar; 0: by the time */
    bool quiet;      /* nothing is expected to come */
};

static double fraction_of(const struct etcd_run *run, const struct wait *wait, uint64_t first, int64_t passed_ns) {
    double by_time = wait->most_ns == 0 ? 0.0 : (double)passed_ns / (double)wait->most_ns;
    double by_count = wait->total == 0 ? 0.0 : (double)(sum(run, DONE) - first) / (double)wait->total;

    return by_time > by_count ? by_time : by_count;
}

static bool wait_for(struct etcd_run *run, const struct wait *wait) {
    uint64_t first = sum(run, DONE);
    int64_t start = clock_monotonic_ns();

    run->moved_ns = 0;
    while (!wait->is_over(run)) {
        int64_t passed = clock_monotonic_ns() - start;

        if (has_failed(run)) {
            return false;
        }
        if (wait->most_ns > 0 && passed >= wait->most_ns) {
            return true;
        }
        if (!wait->quiet && is_silent(run)) {
            return complain_silence(run, wait->label);
        }
        show(run, wait->label, fraction_of(run, wait, first, passed));
        nap();
    }
    return !has_failed(run);
}

/* --- the course of a run --- */

static bool start_workers(struct etcd_run *run) {
    uint64_t threads = run->config->threads;

    run->workers = calloc(threads, sizeof(*run->workers));
    if (run->workers == NULL) {
        return complain(run, 0, "out of memory");
    }
    while (run->started < threads) {
        enum larder_error error = etcd_worker_start(&run->workers[run->started], &run->load, run->started);

        if (error != LARDER_OK) {
            return complain(run, 0, larder_error_text(error));
        }
        run->started++;
    }
    return wait_for(run, &(struct wait){.label = "connect", .is_over = are_connected, .total = 0});
}

static bool set_up(struct etcd_run *run) {
    const struct etcd_config *config = run->config;
    uint64_t total = config->kind == ETCD_WATCH ? etcd_config_watchers(config) : config->clients;

    for (uint64_t i = 0; i < run->started; i++) {
        etcd_worker_set_up(&run->workers[i]);
    }
    return wait_for(run, &(struct wait){.label = "set up", .is_over = are_ready, .total = total});
}

/* Lets the requests begin, and takes the sample from which they count: without a warm-up that is before the first, or a
 * short run could be over by then. */
static bool begin(struct etcd_run *run, struct sample *ret_before) {
    bool warm = run->config->warmup_ns > 0;

    atomic_store(&run->load.phase, warm ? PHASE_WARMING_UP : PHASE_MEASURING);
    take_sample(run, ret_before);
    for (uint64_t i = 0; i < run->started; i++) {
        etcd_worker_go(&run->workers[i]);
    }
    if (!warm) {
        return true;
    }
    if (!wait_for(run, &(struct wait){.label = "warm-up", .is_over = never, .most_ns = run->config->warmup_ns})) {
        return false;
    }
    take_sample(run, ret_before);
    atomic_store(&run->load.phase, PHASE_MEASURING);
    return true;
}

static bool measure(struct etcd_run *run) {
    const struct etcd_config *config = run->config;

    if (config->kind == ETCD_WATCH && config->put_total == 0) {
        return config->hold_ns == 0 ||
               wait_for(run,
                        &(struct wait){.label = "hold", .is_over = never, .most_ns = config->hold_ns, .quiet = true});
    }
    return wait_for(
        run, &(struct wait){
                 .label = "measure", .is_over = are_finished, .most_ns = config->duration_ns, .total = config->total});
}

/* When the last answer or event came, if that ended the run; it was noticed only a little later. */
static int64_t end_ns(const struct etcd_run *run, int64_t noticed_ns) {
    int64_t last = 0;

    if (!are_finished(run)) {
        return noticed_ns;
    }
    for (uint64_t i = 0; i < run->started; i++) {
        int64_t ended = atomic_load(&run->workers[i].ended_ns);

        last = ended > last ? ended : last;
    }
    return last == 0 ? noticed_ns : last;
}

static void finish_workers(struct etcd_run *run) {
    atomic_store(&run->load.phase, PHASE_ENDED);
    for (uint64_t i = 0; i < run->started; i++) {
        etcd_worker_finish(&run->workers[i]);
    }
    progress_clear(run->progress);
}

static void collect(const struct etcd_run *run, const struct sample *before, const struct sample *after,
                    int64_t ended_ns, struct etcd_result *result) {
    struct run_result *base = &result->base;

    tally_init(&result->tally);
    for (uint64_t i = 0; i < run->started; i++) {
        tally_merge(&result->tally, &run->workers[i].tally);
    }
    base->stats = result->tally.stats;
    base->elapsed_ns = ended_ns - before->now_ns;
    base->client_cpu_ns = after->client_cpu_ns - before->client_cpu_ns;
    base->server_measured = before->server_measured && after->server_measured;
    base->server_cpu_ns = base->server_measured ? after->server_cpu_ns - before->server_cpu_ns : 0;
    base->server_resident = result->after.resident;
    result->expected = sum(run, EXPECTED);
}

static bool execute(struct etcd_run *run, struct etcd_result *result) {
    struct sample before, after;
    bool memory, done;
    int64_t ended_ns;

    done = start_workers(run);
    memory = etcd_target_memory(run->load.target, &result->before);
    done = done && set_up(run) && begin(run, &before) && measure(run);
    if (!done) {
        finish_workers(run);
        return false;
    }
    ended_ns = end_ns(run, clock_monotonic_ns());
    atomic_store(&run->load.phase, PHASE_ENDED);
    take_sample(run, &after);
    result->memory_measured = memory && etcd_target_memory(run->load.target, &result->after);
    finish_workers(run);
    collect(run, &before, &after, ended_ns, result);
    return (run->config->kind == ETCD_WATCH && run->config->put_total == 0) || result->base.stats.requests > 0 ||
           complain(run, 0, "no request was answered while it was measured");
}

/* The first answer of a range over what stands fast is the model for all; keys that are drawn may not all be there. */
static bool find_model(struct etcd_load *load) {
    if (load->config->kind != ETCD_RANGE) {
        return true;
    }
    load->compared = load->config->key != NULL;
    return etcd_target_range(load->target, load->config, &load->model);
}

static bool prepare(struct etcd_run *run) {
    struct etcd_load *load = &run->load;

    if (!template_make(run->config, run->config->kind, &load->request) ||
        (run->config->kind == ETCD_WATCH && !template_make_watcher(run->config, &load->watcher))) {
        return complain(run, 0, "out of memory");
    }
    return find_model(load);
}

bool etcd_run(const struct etcd_config *config, const struct etcd_target *target, const struct progress *progress,
              struct etcd_result *ret_result) {
    struct etcd_run run = {
        .load = {.config = config,
                 .target = target,
                 .operation = operation_of(config->kind),
                 .callers_on = config->kind == ETCD_WATCH ? 1 : config->threads,
                 .quota = config->total,
                 .rate = config->rate},
        .config = config,
        .progress = progress,
        .shown_ns = clock_monotonic_ns(),
    };
    bool done;

    atomic_init(&run.load.phase, PHASE_SETTING_UP);
    done = prepare(&run) && execute(&run, ret_result);
    template_free(&run.load.request);
    template_free(&run.load.watcher);
    free(run.workers);
    return done;
}
