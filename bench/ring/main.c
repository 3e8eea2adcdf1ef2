/* SPDX-License-Identifier: Apache-2.0 */
/* Compares ways to find the node of a key. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "speed.h"

static const size_t counts[] = {3, 5, 10, 30, 100, 300, 1000};

enum { COUNTS = sizeof(counts) / sizeof(counts[0]), ROUNDS = 10 };

static const char usage[] = "usage: ring [ALGORITHM[:PARAMETER]]...\n"
                            "\n"
                            "Compares ways to find the node of a key, for 3 to 1,000 nodes: how even the nodes' shares "
                            "are, what moves when one\n"
                            "comes or goes, and what it costs. One JSON object a line. Without a name: all of them.\n";

static bool is_wanted(const struct algorithm *a, int count, char **names) {
    char full[64];

    snprintf(full, sizeof(full), "%s:%u", a->name, a->parameter);
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], a->name) == 0 || strcmp(names[i], full) == 0) {
            return true;
        }
    }
    return count == 0;
}

static void put_figure(const char *name, const struct figure *f) {
    printf(", \"%s\": {\"mean\": %.6f, \"least\": %.6f, \"most\": %.6f}", name, f->sum / f->count, f->least, f->most);
}

static void put(const struct algorithm *a, size_t nodes, const struct measurement *m,
                const struct conditions *conditions) {
    printf("{\"algorithm\": \"%s\", \"parameter\": %u, \"nodes\": %zu, \"rounds\": %u", a->name, a->parameter, nodes,
           m->fullest.count);
    put_figure("fullest", &m->fullest);
    put_figure("emptiest", &m->emptiest);
    put_figure("come", &m->come.moved);
    put_figure("come_needless", &m->come.needless);
    put_figure("go", &m->go.moved);
    put_figure("go_needless", &m->go.needless);
    put_figure("build_ms", &m->build_ms);
    put_figure("change_ms", &m->change_ms);
    printf(", \"hash_ns\": %.2f, \"memory_ns\": %.2f, \"look_up_ns\": %.2f, \"cold_ns\": %.2f, \"cold_pipelined_ns\": "
           "%.2f, \"memory\": %zu}\n",
           conditions->hash_ns, conditions->memory_ns, m->look_up_ns, m->cold_ns, m->cold_pipelined_ns, m->memory);
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct conditions conditions;
    bool found = false;

    speed_measure_conditions(&conditions);
    for (size_t i = 0; i < algorithm_count; i++) {
        if (!is_wanted(&algorithms[i], argc - 1, argv + 1)) {
            continue;
        }
        found = true;
        for (size_t n = 0; n < COUNTS; n++) {
            struct measurement m;

            measure(&algorithms[i], counts[n], ROUNDS, &m);
            put(&algorithms[i], counts[n], &m, &conditions);
        }
    }
    if (!found) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}
