/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/run.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cli/bench/etcd/await.h"
#include "cli/bench/etcd/operation.h"
#include "cli/bench/etcd/worker.h"

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

static bool start_workers(struct etcd_run *run) {
    uint64_t threads = run->config->threads;

    run->workers = calloc(threads, sizeof(*run->workers));
    if (run->workers == NULL) {
        return etcd_run_complain(run, 0, "out of memory");
    }
    while (run->started < threads) {
        enum larder_error error = etcd_worker_start(&run->workers[run->started], &run->load, run->started);

        if (error != LARDER_OK) {
            return etcd_run_complain(run, 0, larder_error_text(error));
        }
        run->started++;
    }
    return etcd_run_wait(run, &(struct etcd_wait){.label = "connect", .is_over = etcd_run_is_connected, .total = 0});
}

static bool set_up(struct etcd_run *run) {
    const struct etcd_config *config = run->config;
    uint64_t total = config->kind == ETCD_WATCH ? etcd_config_watchers(config) : config->clients;

    for (uint64_t i = 0; i < run->started; i++) {
        etcd_worker_set_up(&run->workers[i]);
    }
    return etcd_run_wait(run, &(struct etcd_wait){.label = "set up", .is_over = etcd_run_is_ready, .total = total});
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
    if (!etcd_run_wait(run, &(struct etcd_wait){.label = "warm-up", .most_ns = run->config->warmup_ns})) {
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
               etcd_run_wait(run, &(struct etcd_wait){.label = "hold", .most_ns = config->hold_ns, .quiet = true});
    }
    return etcd_run_wait(run, &(struct etcd_wait){.label = "measure",
                                                  .is_over = etcd_run_is_finished,
                                                  .most_ns = config->duration_ns,
                                                  .total = config->total});
}

/* When the last answer or event came, if that ended the run; it was noticed only a little later. */
static int64_t end_ns(const struct etcd_run *run, int64_t noticed_ns) {
    int64_t last = 0;

    if (!etcd_run_is_finished(run)) {
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

    etcd_tally_init(&result->tally);
    for (uint64_t i = 0; i < run->started; i++) {
        etcd_tally_merge(&result->tally, &run->workers[i].tally);
    }
    base->stats = result->tally.stats;
    base->elapsed_ns = ended_ns - before->now_ns;
    base->client_cpu_ns = after->client_cpu_ns - before->client_cpu_ns;
    base->server_measured = before->server_measured && after->server_measured;
    base->server_cpu_ns = base->server_measured ? after->server_cpu_ns - before->server_cpu_ns : 0;
    base->server_resident = result->after.resident;
    result->expected = etcd_run_sum(run, ETCD_COUNTER_EXPECTED);
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
           etcd_run_complain(run, 0, "no request was answered while it was measured");
}

/* The first answer of a range over what stands fast is the model for all; keys that are drawn may not all be there
 * unless the configuration says so. */
static bool find_model(struct etcd_load *load) {
    if (load->config->kind != ETCD_RANGE) {
        return true;
    }
    load->compared = load->config->key != NULL || load->config->all_there;
    if (load->config->all_there) {
        load->model = (struct glance_range){.keys = 1, .count = 1, .first_value = load->config->value_size};
        return true;
    }
    return etcd_target_range(load->target, load->config, &load->model);
}

static bool prepare(struct etcd_run *run) {
    struct etcd_load *load = &run->load;

    if (!template_make(run->config, run->config->kind, &load->request) ||
        (run->config->kind == ETCD_WATCH && !template_make_watcher(run->config, &load->watcher))) {
        return etcd_run_complain(run, 0, "out of memory");
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
