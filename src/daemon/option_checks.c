/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/option_checks.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/number.h"

enum { MAX_ITEM_SHARE = 8 /* of memory: the largest entry must leave the rest of the table room */ };

struct place option_place(const struct options *o, enum option option, char room[OPTION_PLACE_MAX]) {
    const char *name = option_infos[option].name;

    switch (o->sources[option]) {
    case OPTION_SOURCE_FILE:
        return (struct place){.name = o->config != NULL ? o->config : "config", .line = o->lines[option]};
    case OPTION_SOURCE_ENVIRONMENT:
        snprintf(room, OPTION_PLACE_MAX, "%s (environment)", name);
        break;
    case OPTION_SOURCE_FLAG:
        snprintf(room, OPTION_PLACE_MAX, "--%s", name);
        break;
    case OPTION_SOURCE_DEFAULT:
        snprintf(room, OPTION_PLACE_MAX, "%s (default)", name);
        break;
    }
    return (struct place){.name = room};
}

static void settle_threads(struct options *o) {
    cpu_set_t cores;
    long count;

    if (o->threads > 0) {
        return;
    }
    count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : sysconf(_SC_NPROCESSORS_ONLN);
    o->threads = count < 1 ? 1 : (uint64_t)count;
    if (o->threads > option_infos[OPTION_THREADS].most) {
        o->threads = option_infos[OPTION_THREADS].most;
    }
}

static void settle_max_item(struct options *o, struct diagnostics *d) {
    uint64_t most = o->memory / MAX_ITEM_SHARE;
    char item[NUMBER_UNIT_TEXT_MAX];
    char memory[NUMBER_UNIT_TEXT_MAX];
    char limit[NUMBER_UNIT_TEXT_MAX];
    char room[OPTION_PLACE_MAX];

    if (o->max_item <= most) {
        return;
    }
    if (o->sources[OPTION_MAX_ITEM] == OPTION_SOURCE_DEFAULT) {
        o->max_item = most;
        return;
    }
    diagnostics_mistake(d, option_place(o, OPTION_MAX_ITEM, room),
                        "max-item = %s is too large: with memory = %s it may be %s, an eighth",
                        number_size_text(o->max_item, item), number_size_text(o->memory, memory),
                        number_size_text(most, limit));
}

void options_settle(struct options *o, struct diagnostics *d) {
    settle_threads(o);
    settle_max_item(o, d);
    group_options_settle(o, d);
    data_dir_check(o, d);
    cluster_options_settle(o, d);
    ring_options_settle(o, d);
}
