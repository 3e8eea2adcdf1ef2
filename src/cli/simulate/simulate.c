/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/simulate/count.h"
#include "cli/simulate/dump.h"
#include "cli/simulate/report.h"
#include "cli/simulate/run.h"
#include "cli/simulate/session.h"
#include "cli/subcommand.h"

#define FIRST_ANSWER_NS (10 * CLOCK_NS_PER_S) /* of a cluster that was reached by nothing before */

/* The whole experiment; large. */
struct simulate {
    struct simulate_config config;
    struct simulate_plan plan;
    struct session session;
    struct simulate_run run;
    struct simulate_tally tally;
    struct simulate_count count;
    bool counted;
};

static int64_t first_answer_ns(const struct simulate_config *config) {
    return config->timeout_ns < FIRST_ANSWER_NS ? config->timeout_ns : FIRST_ANSWER_NS;
}

/* Deletes all keys below the prefix. */
static int clear(struct simulate *s) {
    char end[SIMULATE_PREFIX_MAX];
    const struct store_op op = {.kind = STORE_OP_DELETE, .delete = {.span = session_span(&s->session, end)}};

    if (!session_ask(&s->session, &op, s->config.timeout_ns)) {
        return EXIT_CODE_FAILURE;
    }
    return s->session.call.status == STORE_OK ? EXIT_CODE_OK
                                              : session_explain(&s->session, "delete the keys", s->session.call.status);
}

static int refuse_keys(const struct simulate *s, int64_t count) {
    char text[HUMAN_TEXT_MAX];

    fprintf(stderr,
            SIMULATE_PROGRAM ": below %s there are keys already (%s), so what is found at the end would mean nothing; "
                             "--clear deletes them first, --prefix names another place\n",
            s->config.prefix, human_count((uint64_t)count, text));
    return EXIT_CODE_FAILURE;
}

/* Sees that the cluster answers and that nothing is below the prefix. */
static int prepare(struct simulate *s) {
    char end[SIMULATE_PREFIX_MAX];
    const struct store_op op = {.kind = STORE_OP_RANGE,
                                .range = {.span = session_span(&s->session, end), .count_only = true}};
    int64_t count;

    if (!session_ask(&s->session, &op, first_answer_ns(&s->config))) {
        return EXIT_CODE_FAILURE;
    }
    if (s->session.call.status != STORE_OK) {
        return session_explain(&s->session, "see what is in the cluster", s->session.call.status);
    }
    s->tally.revision = s->session.call.revision;
    count = s->session.call.result.count;
    if (count == 0) {
        return EXIT_CODE_OK;
    }
    return s->config.clear ? clear(s) : refuse_keys(s, count);
}

static struct simulate_outcome make_outcome(const struct simulate *s) {
    return (struct simulate_outcome){
        .config = &s->config,
        .plan = &s->plan,
        .tally = &s->tally,
        .count = s->counted ? &s->count : NULL,
        .interrupted = s->session.interrupted,
    };
}

/* What was right is deleted, what was not is left to be looked at. */
static int clean_up(struct simulate *s) {
    const struct simulate_outcome outcome = make_outcome(s);

    return s->config.keep || !simulate_report_is_good(&outcome) ? EXIT_CODE_OK : clear(s);
}

static int report(const struct simulate *s) {
    const struct simulate_outcome outcome = make_outcome(s);

    if (s->config.json) {
        simulate_report_json(&outcome);
    } else {
        simulate_report_text(&outcome);
    }
    if (simulate_report_is_good(&outcome)) {
        return EXIT_CODE_OK;
    }
    fprintf(stderr, SIMULATE_PROGRAM ": the keys are left below %s; --clear deletes them at the next run\n",
            s->config.prefix);
    if (s->tally.failed) {
        return session_exit_code(s->tally.status);
    }
    return EXIT_CODE_FAILURE;
}

/* The parts, one after the other, until one has nothing to go on with. What was done is reported in any case. */
static int execute(struct simulate *s) {
    int code = prepare(s);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (!simulate_run(&s->run, &s->session, &s->plan, &s->tally)) {
        return EXIT_CODE_FAILURE;
    }
    if (!s->session.interrupted && !s->tally.failed) {
        code = simulate_count(&s->count, &s->session);
        s->counted = code == EXIT_CODE_OK && !s->session.interrupted;
    }
    if (code == EXIT_CODE_OK) {
        code = clean_up(s);
    }
    return code;
}

static int experiment(struct simulate *s) {
    int code;

    if (!s->config.json) {
        simulate_report_plan(&s->config, &s->plan);
        fflush(stdout);
    }
    code = session_open(&s->session, &s->config);
    if (code == EXIT_CODE_OK) {
        code = execute(s);
    }
    session_close(&s->session);
    simulate_run_fini(&s->run);
    simulate_count_fini(&s->count);
    if (s->tally.done > 0 || s->tally.failed || s->session.interrupted) {
        int reported = report(s);

        code = code > reported ? code : reported;
    }
    return code;
}

static int start(struct simulate *s) {
    if (s->config.dump != NULL) {
        return simulate_dump(&s->config);
    }
    if (!scenario_plan(s->config.seed, s->config.iterations, &s->plan)) {
        fputs(SIMULATE_PROGRAM ": out of memory; fewer --iterations help\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    if (s->config.plan) {
        (s->config.json ? simulate_report_plan_json : simulate_report_plan)(&s->config, &s->plan);
        return EXIT_CODE_OK;
    }
    return experiment(s);
}

static int run(int argc, char **argv) {
    struct simulate *s = calloc(1, sizeof(*s));
    int code = EXIT_CODE_USAGE;

    if (s == NULL) {
        fputs(SIMULATE_PROGRAM ": out of memory\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    simulate_tally_init(&s->tally);
    switch (simulate_config_read(argc, argv, &s->config)) {
    case OPTIONS_HELP:
        simulate_config_print_help();
        code = EXIT_CODE_OK;
        break;
    case OPTIONS_WRONG:
        break;
    case OPTIONS_DONE:
        code = start(s);
        break;
    }
    free(s);
    return code;
}

const struct subcommand subcommand_simulate = {"simulate", "the experiment of the dying leader, on a cluster of etcd",
                                               run};
