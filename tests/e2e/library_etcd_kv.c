/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and values: each operation at the members it is given. */
#include <sys/wait.h>
#include <unistd.h>

#include "library_etcd.h"

static struct larder_etcd_span span_of(const char *key, enum larder_etcd_which which) {
    return (struct larder_etcd_span){.key = key, .key_size = strlen(key), .which = which};
}

static int is(const char *text, size_t size, const char *wanted) {
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0 && text[size] == '\0';
}

static void one_key(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    const struct larder_etcd_kv *kv;
    int64_t first;

    EXPECT(larder_etcd_get(client, "kv/a", 4, &result) == LARDER_MISS && result.revision > 0);
    EXPECT(larder_etcd_delete(client, "kv/a", 4, &result) == LARDER_NOT_FOUND);
    EXPECT(larder_etcd_put(client, "kv/a", 4, "on\0e", 4, 0, &result) == LARDER_STORED);
    first = result.revision;
    EXPECT(larder_etcd_put(client, "kv/a", 4, "two", 3, 0, NULL) == LARDER_STORED);
    EXPECT(larder_etcd_get(client, "kv/a", 4, &result) == LARDER_HIT && result.answer.kv_count == 1);
    kv = result.answer.kvs;
    EXPECT(is(kv->key, kv->key_size, "kv/a") && is(kv->value, kv->value_size, "two"));
    EXPECT(kv->create_revision == first && kv->mod_revision == first + 1 && kv->version == 2 && kv->lease == 0);
    EXPECT(larder_etcd_get(client, "", 0, &result) == LARDER_ERR_KEY && result.message[0] != '\0');
    EXPECT(larder_etcd_put(client, "kv/a", 4, "x", 1, 12345, &result) == LARDER_ERR_NO_LEASE);
    EXPECT(larder_etcd_delete(client, "kv/a", 4, &result) == LARDER_DELETED && result.answer.count == 1);
    larder_etcd_result_free(&result);
}

static void previous_values(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_op op = {
        .kind = LARDER_ETCD_PUT,
        .put = {.key = "kv/p", .key_size = 4, .value = "1", .value_size = 1, .want_previous = true}};

    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_STORED && result.answer.kv_count == 0);
    op.put.value = "2";
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_STORED && result.answer.kv_count == 1);
    EXPECT(is(result.answer.kvs[0].value, result.answer.kvs[0].value_size, "1"));
    op.put.value = NULL;
    op.put.value_size = 0;
    op.put.ignore_value = true;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_STORED);
    op.put.key = "kv/absent";
    op.put.key_size = 9;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_NOT_FOUND);
    op = (struct larder_etcd_op){.kind = LARDER_ETCD_DELETE,
                                 .remove = {.span = span_of("kv/p", LARDER_ETCD_PREFIX), .want_previous = true}};
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DELETED && result.answer.count == 1);
    EXPECT(is(result.answer.kvs[0].value, result.answer.kvs[0].value_size, "2"));
    larder_etcd_result_free(&result);
}

static int64_t put_many(struct larder_etcd *client, int count) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    char key[32];
    int64_t revision;

    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "kv/many/%02d", i);
        EXPECT(larder_etcd_put(client, key, strlen(key), key, strlen(key), 0, &result) == LARDER_STORED);
    }
    revision = result.revision;
    larder_etcd_result_free(&result);
    return revision;
}

static void ranges(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_op op = {.kind = LARDER_ETCD_RANGE};
    struct larder_etcd_range *range = &op.range;
    int64_t revision = put_many(client, 20);

    EXPECT(larder_etcd_list(client, "kv/many/", 8, 0, &result) == LARDER_DONE && result.answer.kv_count == 20);
    EXPECT(larder_etcd_list(client, "kv/many/", 8, 7, &result) == LARDER_DONE && result.answer.kv_count == 7);
    EXPECT(result.answer.more && result.answer.count == 20);
    EXPECT(is(result.answer.kvs[6].key, result.answer.kvs[6].key_size, "kv/many/06"));
    EXPECT(larder_etcd_list(client, "", 0, 0, &result) == LARDER_DONE && result.answer.count >= 20);

    range->span = span_of("kv/many/05", LARDER_ETCD_UNTIL);
    range->span.end = "kv/many/08";
    range->span.end_size = 10;
    range->keys_only = true;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DONE && result.answer.kv_count == 3);
    EXPECT(result.answer.kvs[0].value_size == 0 && result.answer.kvs[0].value[0] == '\0');
    *range = (struct larder_etcd_range){.span = span_of("kv/many/", LARDER_ETCD_PREFIX), .count_only = true};
    range->serializable = true;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DONE && result.answer.count == 20);
    EXPECT(result.answer.kv_count == 0);
    *range = (struct larder_etcd_range){.span = span_of("kv/many/", LARDER_ETCD_PREFIX), .limit = 1};
    range->order = LARDER_ETCD_DESCENDING;
    range->by = LARDER_ETCD_BY_CREATE_REVISION;
    range->max_create_revision = revision - 1;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DONE && result.answer.kv_count == 1);
    EXPECT(is(result.answer.kvs[0].key, result.answer.kvs[0].key_size, "kv/many/18"));
    *range = (struct larder_etcd_range){.span = span_of("kv/many/", LARDER_ETCD_FROM), .revision = revision - 10};
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DONE && result.answer.kv_count >= 10);
    EXPECT(is(result.answer.kvs[9].key, result.answer.kvs[9].key_size, "kv/many/09"));
    range->revision = revision + 1000;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_ERR_FUTURE_REVISION);
    larder_etcd_result_free(&result);
}

static void transactions(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_compare absent = {.span = span_of("kv/t", LARDER_ETCD_ONE), .field = LARDER_ETCD_BY_VERSION};
    struct larder_etcd_compare same = {
        .span = span_of("kv/t", LARDER_ETCD_ONE), .field = LARDER_ETCD_BY_VALUE, .value = "1", .value_size = 1};
    struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT,
                                 .put = {.key = "kv/t", .key_size = 4, .value = "1", .value_size = 1}};
    struct larder_etcd_op get = {.kind = LARDER_ETCD_RANGE, .range = {.span = span_of("kv/t", LARDER_ETCD_ONE)}};
    struct larder_etcd_op remove_many = {.kind = LARDER_ETCD_DELETE,
                                         .remove = {.span = span_of("kv/many/", LARDER_ETCD_PREFIX)}};
    struct larder_etcd_op inner[2] = {get, remove_many};
    struct larder_etcd_op nested = {
        .kind = LARDER_ETCD_TXN, .txn = {.compares = &same, .compare_count = 1, .success = inner, .success_count = 2}};
    struct larder_etcd_op txn = {.kind = LARDER_ETCD_TXN,
                                 .txn = {.compares = &absent,
                                         .compare_count = 1,
                                         .success = &put,
                                         .success_count = 1,
                                         .failure = &nested,
                                         .failure_count = 1}};
    const struct larder_etcd_answer *deep;

    EXPECT(larder_etcd_run(client, &txn, NULL, &result) == LARDER_DONE && result.answer.succeeded);
    EXPECT(result.answer.answer_count == 1 && result.answer.answers[0].kind == LARDER_ETCD_PUT);
    EXPECT(larder_etcd_run(client, &txn, NULL, &result) == LARDER_DONE && !result.answer.succeeded);
    EXPECT(result.answer.answer_count == 1 && result.answer.answers[0].kind == LARDER_ETCD_TXN);
    deep = &result.answer.answers[0];
    EXPECT(deep->succeeded && deep->answer_count == 2 && deep->answers[0].kv_count == 1);
    EXPECT(is(deep->answers[0].kvs[0].value, deep->answers[0].kvs[0].value_size, "1"));
    EXPECT(deep->answers[1].kind == LARDER_ETCD_DELETE && deep->answers[1].count == 20);
    inner[0] = put;
    inner[1] = put;
    EXPECT(larder_etcd_run(client, &txn, NULL, &result) == LARDER_ERR_INVALID);
    larder_etcd_result_free(&result);
}

/* A transaction within itself would never end. */
static void too_deep(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_op txn = {.kind = LARDER_ETCD_TXN, .txn = {.success_count = 1}};

    txn.txn.success = &txn;
    EXPECT(larder_etcd_run(client, &txn, NULL, &result) == LARDER_ERR_TOO_LARGE);
    larder_etcd_result_free(&result);
}

static void compaction(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_op op = {.kind = LARDER_ETCD_COMPACT};

    EXPECT(larder_etcd_put(client, "kv/c", 4, "", 0, 0, &result) == LARDER_STORED);
    op.compact.revision = result.revision;
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_DONE);
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_ERR_COMPACTED);
    op = (struct larder_etcd_op){
        .kind = LARDER_ETCD_RANGE,
        .range = {.span = span_of("kv/c", LARDER_ETCD_ONE), .revision = op.compact.revision - 1}};
    EXPECT(larder_etcd_run(client, &op, NULL, &result) == LARDER_ERR_COMPACTED);
    larder_etcd_result_free(&result);
}

/* The child of a fork is told, and harms nothing. */
static void forked(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    pid_t child = fork();
    int status = 1;

    if (child == 0) {
        int wrong = larder_etcd_get(client, "k", 1, &result) != LARDER_ERR_FORKED ||
                    larder_etcd_ready(client, NULL) != LARDER_ERR_FORKED;

        larder_etcd_free(client);
        _exit(wrong);
    }
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(larder_etcd_put(client, "kv/f", 4, "", 0, 0, &result) == LARDER_STORED);
    larder_etcd_result_free(&result);
}

/* What cannot be made a client of, and what cannot be reached. */
static void bad_options(void) {
    struct larder_etcd_options options = {.size = sizeof(options), .timeout_ms = 100};
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd *client = NULL;

    EXPECT(larder_etcd_new("", NULL, &client, result.message) == LARDER_ERR_INVALID && result.message[0] != '\0');
    EXPECT(larder_etcd_new("ftp://a:1", NULL, &client, result.message) == LARDER_ERR_INVALID);
    EXPECT(larder_etcd_new("a:1", NULL, &client, NULL) == LARDER_DONE);
    larder_etcd_free(client);
    options.certificate = "/nowhere";
    EXPECT(larder_etcd_new("a:1", &options, &client, result.message) == LARDER_ERR_INVALID);
    options.key = "/nowhere";
    EXPECT(larder_etcd_new("a:1", &options, &client, result.message) == LARDER_ERR_SYSTEM);
    EXPECT(strstr(result.message, "/nowhere") != NULL);
    options.certificate = options.key = NULL;
    options.password = "of nobody";
    EXPECT(larder_etcd_new("a:1", &options, &client, result.message) == LARDER_ERR_INVALID);
    options.password = NULL;
    options.size--;
    EXPECT(larder_etcd_new("a:1", &options, &client, result.message) == LARDER_ERR_INVALID);
    options.size++;
    EXPECT(larder_etcd_new("127.0.0.1:1", &options, &client, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_put(client, "k", 1, "", 0, 0, &result) == LARDER_ERR_UNAVAILABLE);
    EXPECT(strstr(result.message, "refused") != NULL);
    EXPECT(larder_etcd_ready(client, result.message) == LARDER_ERR_UNAVAILABLE);
    larder_etcd_free(client);
    larder_etcd_result_free(&result);
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argc > 1 ? argv[1] : "127.0.0.1:2379");
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;

    bad_options();
    one_key(client);
    previous_values(client);
    ranges(client);
    transactions(client);
    too_deep(client);
    compaction(client);
    forked(client);
    EXPECT(larder_etcd_ready(client, result.message) == LARDER_DONE);
    larder_etcd_free(client);
    larder_etcd_free(NULL);
    return failed;
}
