/* SPDX-License-Identifier: Apache-2.0 */
#include "weather.h"

#include "member.h"

#define SLOW_NS (300 * SIM_MS)
#define FAST_NS (100 * SIM_US)

static const char *const names[] = {"kill", "stop", "pause", "isolate", "cut", "reset", "depose", "slow"};

void weather_strike(struct world *w, enum weather_kind kind, size_t place) {
    struct net_host *host = cluster_host(&w->cluster, place);

    world_trace(w, "%s %zu (leader %d)", names[kind], place, w->cluster.leader);
    switch (kind) {
    case WEATHER_KILL:
        cluster_kill(&w->cluster, place);
        break;
    case WEATHER_STOP:
        cluster_stop(&w->cluster, place);
        break;
    case WEATHER_PAUSE:
        cluster_pause(&w->cluster, place);
        break;
    case WEATHER_ISOLATE:
        cluster_isolate(&w->cluster, place);
        break;
    case WEATHER_CUT:
        net_host_set_cut(host, true);
        break;
    case WEATHER_RESET:
        net_host_reset_wires(host);
        break;
    case WEATHER_DEPOSE:
        cluster_depose(&w->cluster);
        break;
    case WEATHER_SLOW:
        host->delay_ns = SLOW_NS;
        break;
    default:
        break;
    }
}

void weather_cure(struct world *w, size_t place) {
    struct net_host *host = cluster_host(&w->cluster, place);

    world_trace(w, "cure %zu", place);
    host->delay_ns = FAST_NS;
    net_host_set_cut(host, false);
    cluster_rejoin(&w->cluster, place);
    cluster_resume(&w->cluster, place);
    cluster_restart(&w->cluster, place);
}

static bool is_ill(struct world *w, size_t place) {
    const struct member *member = w->cluster.members[place];

    return !member->is_alive || member->is_paused || member->is_isolated || member->stopping != NULL ||
           member->host->cut || member->host->delay_ns == SLOW_NS;
}

static void change(void *ctx) {
    struct weather *weather = ctx;
    struct world *w = weather->world;
    size_t place = random_below(&w->sim.random, w->cluster.count);
    enum weather_kind kind = (enum weather_kind)random_below(&w->sim.random, WEATHER_KINDS);
    size_t ill = 0;

    for (size_t i = 0; i < w->cluster.count; i++) {
        ill += is_ill(w, i);
    }
    if (is_ill(w, place)) {
        weather_cure(w, place);
    } else if ((weather->kinds & 1U << kind) != 0 && ill < weather->most_ill) {
        weather_strike(w, kind, place);
        weather->faults++;
    }
    weather->event = sim_after(&w->sim, sim_between(&w->sim, 0, weather->pause_ns), change, weather);
}

void weather_begin(struct weather *weather, struct world *w, int64_t pause_ns, unsigned kinds, size_t most_ill) {
    *weather = (struct weather){.world = w, .pause_ns = pause_ns, .kinds = kinds, .most_ill = most_ill};
    weather->event = sim_after(&w->sim, sim_between(&w->sim, 0, pause_ns), change, weather);
}

void weather_end(struct weather *weather) {
    sim_cancel(&weather->world->sim, weather->event);
    weather->event = NULL;
    for (size_t i = 0; i < weather->world->cluster.count; i++) {
        weather_cure(weather->world, i);
    }
}
