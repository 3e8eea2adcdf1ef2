/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "<run>-<key>-<number>" in hexadecimal: 16 + 1 + 10 + 1 + 16 digits. */
enum { RUN_DIGITS = 16, KEY_DIGITS = 10, NUMBER_DIGITS = 16 };

_Static_assert(RUN_DIGITS + KEY_DIGITS + NUMBER_DIGITS + 2 == LEDGER_VALUE_SIZE, "the parts of a value");

enum larder_error ledger_init(struct ledger *l, uint64_t keys, size_t nodes, uint64_t run) {
    *l = (struct ledger){.run = run, .keys = keys, .nodes = nodes};
    l->key = calloc(keys, sizeof(*l->key));
    l->acked_by = calloc(keys * nodes, sizeof(*l->acked_by));
    if (l->key == NULL || l->acked_by == NULL) {
        ledger_fini(l);
        return LARDER_ERROR_NO_MEMORY;
    }
    return LARDER_OK;
}

void ledger_fini(struct ledger *l) {
    free(l->key);
    free(l->acked_by);
    *l = (struct ledger){.keys = 0};
}

bool ledger_is_present(const struct ledger *l, uint64_t key) {
    return atomic_load(&l->key[key].acked) > atomic_load(&l->key[key].deleted);
}

bool ledger_was_present(const struct ledger *l, uint64_t key) {
    assert(l->key[key].busy);
    return atomic_load(&l->key[key].acked) > l->key[key].deleted_before;
}

uint64_t ledger_begin(struct ledger *l, uint64_t key, bool is_delete) {
    struct ledger_key *k = &l->key[key];
    uint64_t number = atomic_load(&k->issued) + 1;

    assert(!k->busy);
    k->busy = true;
    k->deleted_before = atomic_load(&k->deleted);
    atomic_store(&k->issued, number);
    if (is_delete) {
        atomic_store(&k->deleted, number);
    }
    return number;
}

void ledger_acknowledge(struct ledger *l, uint64_t key, size_t node) {
    struct ledger_key *k = &l->key[key];
    uint64_t number = atomic_load(&k->issued);

    assert(k->busy);
    atomic_store(&k->acked, number);
    atomic_store(&l->acked_by[key * l->nodes + node], number);
    k->busy = false;
}

void ledger_withdraw(struct ledger *l, uint64_t key) {
    struct ledger_key *k = &l->key[key];

    assert(k->busy);
    atomic_store(&k->deleted, k->deleted_before);
    k->busy = false;
}

void ledger_value(const struct ledger *l, uint64_t key, uint64_t number, char *ret_value) {
    char text[LEDGER_VALUE_SIZE + 1];

    snprintf(text, sizeof(text), "%016" PRIx64 "-%010" PRIx64 "-%016" PRIx64, l->run, key, number);
    memcpy(ret_value, text, LEDGER_VALUE_SIZE);
}

uint64_t ledger_floor(const struct ledger *l, uint64_t key) {
    return atomic_load(&l->key[key].acked);
}

uint64_t ledger_floor_by(const struct ledger *l, uint64_t key, size_t node) {
    return atomic_load(&l->acked_by[key * l->nodes + node]);
}

/* Reads `digits` hexadecimal digits at `at`. */
static bool parse_hex(const char *at, int digits, uint64_t *ret_number) {
    uint64_t number = 0;

    for (int i = 0; i < digits; i++) {
        char c = at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_number = number;
    return true;
}

enum ledger_verdict ledger_judge_value(const struct ledger *l, uint64_t key, uint64_t floor, struct slice value,
                                       uint64_t *ret_number) {
    uint64_t run, its_key, number;

    *ret_number = 0;
    if (value.size != LEDGER_VALUE_SIZE || !parse_hex(value.data, RUN_DIGITS, &run) ||
        !parse_hex(value.data + RUN_DIGITS + 1, KEY_DIGITS, &its_key) ||
        !parse_hex(value.data + RUN_DIGITS + KEY_DIGITS + 2, NUMBER_DIGITS, &number)) {
        return floor == 0 ? LEDGER_FRESH : LEDGER_FOREIGN;
    }
    if (run != l->run) {
        return floor == 0 ? LEDGER_FRESH : LEDGER_STALE;
    }
    if (its_key != key || number == 0 || number > atomic_load(&l->key[key].issued)) {
        return LEDGER_FOREIGN;
    }
    *ret_number = number;
    return number < floor ? LEDGER_STALE : LEDGER_FRESH;
}

enum ledger_verdict ledger_judge_absent(const struct ledger *l, uint64_t key, uint64_t floor) {
    return atomic_load(&l->key[key].deleted) < floor ? LEDGER_STALE : LEDGER_FRESH;
}
