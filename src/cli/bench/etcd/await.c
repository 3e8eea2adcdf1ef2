/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/await.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

enum { LOOK_MS = 2, SHOW_MS = 100 };

uint64_t etcd_run_sum(const struct etcd_run *run, enum etcd_counter counter) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < run->started; i++) {
        const struct etcd_worker *w = &run->workers[i];
        const atomic_uint_fast64_t *const counters[] = {[ETCD_COUNTER_CONNECTED] = &w->connected,
                                                        [ETCD_COUNTER_DONE] = &w->done,
                                                        [ETCD_COUNTER_EVENTS] = &w->events,
                                                        [ETCD_COUNTER_EXPECTED] = &w->expected};

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

bool etcd_run_is_connected(const struct etcd_run *run) {
    return etcd_run_sum(run, ETCD_COUNTER_CONNECTED) == count_links(run);
}

bool etcd_run_is_ready(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].ready)) {
            return false;
        }
    }
    return true;
}

bool etcd_run_is_finished(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (!atomic_load(&run->workers[i].finished)) {
            return false;
        }
    }
    return etcd_run_sum(run, ETCD_COUNTER_EVENTS) >= etcd_run_sum(run, ETCD_COUNTER_EXPECTED);
}

bool etcd_run_complain(const struct etcd_run *run, size_t endpoint, const char *trouble) {
    char text[ADDRESS_TEXT_MAX];

    progress_clear(run->progress);
    fprintf(stderr, "larder bench: %s: %s\n", address_format(&run->load.target->endpoints[endpoint].address, text),
            trouble);
    return false;
}

static bool has_failed(const struct etcd_run *run) {
    for (uint64_t i = 0; i < run->started; i++) {
        if (atomic_load(&run->workers[i].failed)) {
            etcd_run_complain(run, run->workers[i].failed_endpoint, run->workers[i].message);
            return true;
        }
    }
    return false;
}

static bool complain_silence(const struct etcd_run *run, const char *label) {
    char trouble[256];

    if (etcd_run_sum(run, ETCD_COUNTER_EXPECTED) > 0) {
        snprintf(
            trouble, sizeof(trouble),
            "nothing came for %.3g s (%s): %" PRIu64 " of %" PRIu64
            " events were delivered; the server hangs or loses events, its log may tell; --timeout sets the patience",
            (double)run->config->patience_ns / (double)CLOCK_NS_PER_S, label, etcd_run_sum(run, ETCD_COUNTER_EVENTS),
            etcd_run_sum(run, ETCD_COUNTER_EXPECTED));
    } else {
        snprintf(trouble, sizeof(trouble),
                 "nothing came for %.3g s (%s): the server hangs, or is slower than that; its log may tell; --timeout "
                 "sets the patience",
                 (double)run->config->patience_ns / (double)CLOCK_NS_PER_S, label);
    }
    return etcd_run_complain(run, 0, trouble);
}

static void nap(void) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * CLOCK_NS_PER_MS};

    nanosleep(&pause, NULL);
}

static uint64_t count_moved(const struct etcd_run *run) {
    return etcd_run_sum(run, ETCD_COUNTER_DONE) + etcd_run_sum(run, ETCD_COUNTER_EVENTS) +
           etcd_run_sum(run, ETCD_COUNTER_CONNECTED);
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

static double fraction_of(const struct etcd_run *run, const struct etcd_wait *wait, uint64_t first, int64_t passed_ns) {
    double by_time = wait->most_ns == 0 ? 0.0 : (double)passed_ns / (double)wait->most_ns;
    double by_count =
        wait->total == 0 ? 0.0 : (double)(etcd_run_sum(run, ETCD_COUNTER_DONE) - first) / (double)wait->total;

    return by_time > by_count ? by_time : by_count;
}

bool etcd_run_wait(struct etcd_run *run, const struct etcd_wait *wait) {
    uint64_t first = etcd_run_sum(run, ETCD_COUNTER_DONE);
    int64_t start = clock_monotonic_ns();

    run->moved_ns = 0;
    while (wait->is_over == NULL || !wait->is_over(run)) {
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
