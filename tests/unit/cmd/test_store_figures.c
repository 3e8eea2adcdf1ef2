/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../session/harness.h"
#include "cmd/cmd.h"
#include "group/store_limit.h"
#include "store/engine.h"

/* A store that does nothing but tell its figures. */
struct figure_store {
    struct store store;
    struct store_figures figures;
};

static void get_figures(struct store *s, struct store_figures *ret_figures) {
    *ret_figures = ((struct figure_store *)(void *)s)->figures;
}

static const struct store_engine engine = {.get_figures = get_figures};

/* No two are alike, so that none can stand in another's place. */
static const struct store_figures figures = {
    .revision = 101,
    .compact_revision = 102,
    .keys = 103,
    .bytes = 104,
    .quota = 105,
    .file_bytes = 106,
    .commits = 107,
    .commit_ops = 108,
    .commit_classes = {[0] = 60, [3] = 40, [STORE_COMMIT_CLASSES - 1] = 7},
    .syncs = 109,
    .sync_ns = 1234567890,
    .compactions = 110,
    .watchers = 111,
    .leases = 112,
    .waiting = 113,
    .full = true,
};

struct rig {
    struct harness harness;
    struct figure_store store;
};

static int setup(void **state) {
    const struct harness_config config = {
        .memory = 8 << 20, .max_item = 1 << 20, .max_line = 4096, .max_output = 1 << 20};
    struct rig *rig = calloc(1, sizeof(*rig));

    harness_init(&rig->harness, &config);
    rig->store = (struct figure_store){.store = {.engine = &engine}, .figures = figures};
    rig->harness.node.store = &rig->store.store;
    rig->harness.node.max_watchers = 114;
    rig->harness.node.max_pending_writes = 115;
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;

    harness_fini(&rig->harness);
    free(rig);
    return 0;
}

/* The Prometheus text, NUL-terminated; the caller frees it. */
static char *scrape(struct rig *rig) {
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(cmd_metrics(&rig->harness.worker.context, &out), LARDER_OK);
    assert_int_equal(buf_append(&out, "", 1), LARDER_OK);
    return out.data;
}

static void assert_has(const char *text, const char *line) {
    assert_non_null(text);
    if (strstr(text, line) == NULL) {
        fail_msg("\"%s\" is missing in:\n%s", line, text);
    }
}

static void a_scrape_shows_every_figure(void **state) {
    static const char *const lines[] = {
        "\nlarder_store_revision 101\n",
        "\nlarder_store_compacted_revision 102\n",
        "\nlarder_store_keys 103\n",
        "\nlarder_store_bytes 104\n",
        "\nlarder_store_quota_bytes 105\n",
        "\nlarder_store_file_bytes 106\n",
        "\nlarder_store_commits_total 107\n",
        "\nlarder_store_commit_operations_bucket{le=\"1\"} 60\n",
        "\nlarder_store_commit_operations_bucket{le=\"2\"} 60\n",
        "\nlarder_store_commit_operations_bucket{le=\"4\"} 60\n",
        "\nlarder_store_commit_operations_bucket{le=\"8\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"16\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"32\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"64\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"128\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"256\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"512\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"1024\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"2048\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"4096\"} 100\n",
        "\nlarder_store_commit_operations_bucket{le=\"+Inf\"} 107\n",
        "\nlarder_store_commit_operations_sum 108\n",
        "\nlarder_store_commit_operations_count 107\n",
        "\nlarder_store_syncs_total 109\n",
        "\nlarder_store_sync_seconds_total 1.234567890\n",
        "\nlarder_store_compactions_total 110\n",
        "\nlarder_store_watchers 111\n",
        "\nlarder_store_leases 112\n",
        "\nlarder_store_pending_writes 113\n",
        "\nlarder_store_watchers_limit 114\n",
        "\nlarder_store_pending_writes_limit 115\n",
        "\nlarder_store_full 1\n",
    };
    char *text = scrape(*state);
    size_t shown = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_has(text, lines[i]);
    }
    for (const char *at = strstr(text, "\nlarder_store_"); at != NULL; at = strstr(at + 1, "\nlarder_store_")) {
        shown++;
    }
    assert_int_equal(shown, sizeof(lines) / sizeof(lines[0]));
    free(text);
}

/* The bound that a bucket shows is the largest size of its class. */
static void commits_fall_into_the_class_of_their_size(void **state) {
    (void)state;
    assert_int_equal(store_commit_class(0), 0);
    for (unsigned i = 0; i < STORE_COMMIT_CLASSES - 1; i++) {
        assert_int_equal(store_commit_class(UINT64_C(1) << i), i);
        assert_int_equal(store_commit_class((UINT64_C(1) << i) + 1), i + 1);
    }
    assert_int_equal(store_commit_class(UINT64_MAX), STORE_COMMIT_CLASSES - 1);
}

static void a_node_without_a_store_shows_none(void **state) {
    struct rig *rig = *state;
    char *text;

    rig->harness.node.store = NULL;
    text = scrape(rig);
    assert_null(strstr(text, "larder_store_"));
    assert_has(text, "\nlarder_table_items 0\n");
    assert_has(text, "\nlarder_limit_hits_total{limit=\"store-quota\"} 0\n");
    free(text);
}

struct collected {
    char text[8192];
    size_t size;
};

static bool collect(void *ctx, const char *name, const char *value) {
    struct collected *c = ctx;

    c->size += (size_t)snprintf(c->text + c->size, sizeof(c->text) - c->size, "%s=%s\n", name, value);
    return c->size < sizeof(c->text);
}

static void ask_stats(struct rig *rig, struct collected *c) {
    *c = (struct collected){.size = 0};
    assert_int_equal(cmd_stats(&rig->harness.worker.context, SLICE(""), collect, c), CMD_STATS_DONE);
}

static void stats_show_the_store_and_count_since_the_reset(void **state) {
    struct rig *rig = *state;
    struct collected c;

    ask_stats(rig, &c);
    assert_has(c.text, "store_revision=101\nstore_compacted_revision=102\nstore_compactions=110\nstore_keys=103\n"
                       "store_bytes=104\nstore_quota_bytes=105\nstore_file_bytes=106\nstore_full=1\nstore_commits=107\n"
                       "store_commit_operations=108\nstore_syncs=109\nstore_sync_us=1234567\nstore_leases=112\n"
                       "store_watchers=111\nstore_pending_writes=113\n");
    assert_int_equal(cmd_stats(&rig->harness.worker.context, SLICE("reset"), collect, &c), CMD_STATS_RESET);
    rig->store.figures.commits += 5;
    ask_stats(rig, &c);
    assert_has(c.text, "store_keys=103\n");
    assert_has(c.text, "store_commits=5\nstore_commit_operations=0\n");
    rig->harness.node.store = NULL;
    ask_stats(rig, &c);
    assert_null(strstr(c.text, "store_revision"));
    assert_null(strstr(c.text, "store_commits"));
}

static void refusals_count_by_their_limit(void **state) {
    struct rig *rig = *state;
    struct worker_telemetry *t = rig->harness.worker.context.telemetry;

    for (int status = STORE_OK; status < STORE_STATUS_COUNT; status++) {
        count_store_limit(t, (enum store_status)status);
    }
    count_store_limit(t, STORE_NO_SPACE);
    assert_int_equal(harness_counter(&rig->harness, COUNTER_LIMIT_STORE_QUOTA), 2);
    assert_int_equal(harness_counter(&rig->harness, COUNTER_LIMIT_MAX_WATCHERS), 1);
    assert_int_equal(harness_counter(&rig->harness, COUNTER_LIMIT_MAX_PENDING_WRITES), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scrape_shows_every_figure, setup, teardown),
        cmocka_unit_test(commits_fall_into_the_class_of_their_size),
        cmocka_unit_test_setup_teardown(a_node_without_a_store_shows_none, setup, teardown),
        cmocka_unit_test_setup_teardown(stats_show_the_store_and_count_since_the_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_count_by_their_limit, setup, teardown),
    };

    return cmocka_run_group_tests_name("cmd-store-figures", tests, NULL, NULL);
}
