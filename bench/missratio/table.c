/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/table.h"

#include "alloc.h"
#include "policy.h"

/*
 * The real table. Its capacity is its memory budget, so unlike the simulated policies it pays for keys, headers, index,
 * ghost and reserve out of it. An object of unit size becomes an entry that takes UNIT_BYTES or, where that many would be
 * less memory than a table accepts, more; the largest are charged by the page.
 */
enum { NOW = 1, UNIT_BYTES = 1024, UNIT_BYTES_PAGED = 4096, PAGE_BYTES = 4096, HASH_SEED = 1 };

struct replayed {
    struct table table;
    uint32_t unit_value; /* value size of an object of unit size; 0: sizes are real */
};

static uint32_t largest_size(const struct load *load) {
    uint32_t largest = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        if (load->requests[i].size > largest) {
            largest = load->requests[i].size;
        }
    }
    return largest;
}

/* Bytes of memory for one object of unit size. */
static uint64_t choose_unit(uint64_t capacity) {
    uint64_t unit = TABLE_MEMORY_MIN / capacity + ENTRY_ALIGNMENT;
    if (unit <= UNIT_BYTES) {
        return UNIT_BYTES;
    }
    if (unit > UNIT_BYTES_PAGED) {
        return (unit + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    }
    return unit / ENTRY_ALIGNMENT * ENTRY_ALIGNMENT;
}

/* The value that makes an entry take exactly that. */
static uint32_t value_of_unit(uint64_t unit) {
    uint64_t overhead = ENTRY_HEADER_SIZE + sizeof(uint32_t);
    if (unit > UNIT_BYTES_PAGED) {
        overhead += SEGMENT_HEADER_SIZE;
    }
    return (uint32_t)(unit - overhead);
}

static void *create(const char *options, uint64_t capacity, const struct load *load) {
    if (options && *options) {
        return NULL;
    }
    struct replayed *t = need_zeroed(1, sizeof(*t));
    uint64_t unit = load->unit_sizes ? choose_unit(capacity) : 1;
    t->unit_value = load->unit_sizes ? value_of_unit(unit) : 0;
    uint32_t largest = t->unit_value ? t->unit_value : largest_size(load);
    const struct table_config config = {
        .memory = capacity * unit,
        .max_item = entry_size_for(sizeof(uint32_t), largest),
        .seed = HASH_SEED,
    };
    if (table_init(&t->table, &config) != LARDER_OK) {
        fputs("the table refuses so little memory\n", stderr);
        free(t);
        return NULL;
    }
    return t;
}

static bool request(void *self, const struct request *r) {
    struct replayed *t = self;
    const struct slice key = slice_make((const char *)&r->id, sizeof(r->id));
    const struct shard_put put = {.value_size = t->unit_value ? t->unit_value : r->size, .expires = ENTRY_NEVER};
    uint64_t hash = table_hash(&t->table, key);
    struct shard *s = table_lock(&t->table, hash);
    struct entry *e = shard_find(s, hash, key, NOW, NULL);
    bool found = e;
    if (found && !r->write && e->value_size == put.value_size) {
        entry_read(e, NOW);
    } else {
        (void)shard_put(s, hash, key, &put, NOW);
    }
    table_unlock(s);
    return found;
}

static void destroy(void *self) {
    struct replayed *t = self;
    table_fini(&t->table);
    free(t);
}

const struct policy policy_table = {"table", create, request, destroy, NULL};
