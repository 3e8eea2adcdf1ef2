/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/plan.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"

enum { FEW = 10000, MANY = 100000, MANY_CONNS = 100, MANY_CLIENTS = 1000 };

static const struct table_row page[TABLE_ROWS_MAX] = {
    {ETCD_PUT, FEW, 1, 1, true, false},
    {ETCD_PUT, MANY, MANY_CONNS, MANY_CLIENTS, true, false},
    {ETCD_PUT, MANY, MANY_CONNS, MANY_CLIENTS, false, false},
    {ETCD_RANGE, FEW, 1, 1, false, false},
    {ETCD_RANGE, FEW, 1, 1, false, true},
    {ETCD_RANGE, MANY, MANY_CONNS, MANY_CLIENTS, false, false},
    {ETCD_RANGE, MANY, MANY_CONNS, MANY_CLIENTS, false, true},
};

static uint64_t scaled(const struct table_config *config, uint64_t total) {
    uint64_t part = (uint64_t)((double)total * config->scale + 0.5);

    return part == 0 ? 1 : part;
}

static bool is_wanted(const struct table_config *config, const struct table_row *row) {
    return config->part == TABLE_BOTH || (config->part == TABLE_WRITES) == (row->kind == ETCD_PUT);
}

size_t table_plan(const struct table_config *config, struct table_row ret_rows[TABLE_ROWS_MAX]) {
    size_t count = 0;

    for (size_t i = 0; i < TABLE_ROWS_MAX; i++) {
        if (is_wanted(config, &page[i])) {
            ret_rows[count] = page[i];
            ret_rows[count].total = scaled(config, page[i].total);
            count++;
        }
    }
    return count;
}

uint64_t table_plan_keys(const struct table_config *config) {
    return scaled(config, MANY);
}

static uint64_t digits_of(const struct table_config *config) {
    size_t prefix = strlen(config->key_prefix);

    return prefix + TABLE_KEY_DIGITS > TABLE_KEY_SIZE ? TABLE_KEY_DIGITS : TABLE_KEY_SIZE - prefix;
}

uint64_t table_plan_key_size(const struct table_config *config) {
    return strlen(config->key_prefix) + digits_of(config);
}

void table_plan_load(const struct table_config *config, const struct table_row *row, struct etcd_config *ret_load) {
    bool writes = row->kind == ETCD_PUT;

    *ret_load = (struct etcd_config){
        .kind = row->kind,
        .target_leader = row->leader_only,
        .user = config->user,
        .rounds = 1,
        .conns = row->conns,
        .clients = row->clients,
        .threads = config->threads < row->conns ? config->threads : row->conns,
        .total = row->total,
        .patience_ns = config->patience_ns,
        .key_prefix = config->key_prefix,
        .key_size = digits_of(config),
        .value_size = TABLE_VALUE_SIZE,
        .key_space = writes ? row->total : table_plan_keys(config),
        .sequential = writes,
        .seed = config->seed,
        .serializable = row->serializable,
        .all_there = !writes,
        .quiet = config->quiet,
    };
}

const char *table_plan_aim(const struct table_row *row) {
    if (row->kind == ETCD_PUT) {
        return row->leader_only ? "leader only" : "all members";
    }
    return row->serializable ? "serializable" : "linearizable";
}

const char *table_plan_describe(const struct table_row *row, char ret_text[TABLE_ROW_TEXT_MAX]) {
    char clients[HUMAN_TEXT_MAX];

    snprintf(ret_text, TABLE_ROW_TEXT_MAX, "%s client%s, %s", human_count(row->clients, clients),
             row->clients == 1 ? "" : "s", table_plan_aim(row));
    return ret_text;
}
