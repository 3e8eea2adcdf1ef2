/* SPDX-License-Identifier: Apache-2.0 */
/* What reference.py has computed, which shares no code with us. */
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/number.h"
#include "ring/membership.h"
#include "ring/ring.h"
#include "ring/slots.h"
#include "unit/ring/ring_vectors.h"

enum { WORDS_MAX = 4, ITEMS_MAX = 64, BYTES_MAX = 4096, MANY_NAME = 16 };

/* A line, cut at its spaces. */
struct line {
    char *words[WORDS_MAX + 1];
    size_t count;
};

static size_t cut(char *text, const char *at, char **ret_parts, size_t max) {
    size_t count = 0;
    char *rest;

    for (char *part = strtok_r(text, at, &rest); part != NULL; part = strtok_r(NULL, at, &rest)) {
        assert_true(count < max);
        ret_parts[count++] = part;
    }
    return count;
}

/* Texts stand in hexadecimal digits. */
static struct slice bytes_of(const char *text, char ret_bytes[BYTES_MAX]) {
    size_t size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

    assert_true(size <= BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        ret_bytes[i] = (char)byte;
    }
    return slice_make(ret_bytes, size);
}

static uint64_t number_of(const char *text) {
    uint64_t number;

    assert_true(number_parse_u64(slice_from_string(text), &number));
    return number;
}

static uint64_t hash_of(const char *text) {
    char *end;
    uint64_t hash = strtoull(text, &end, 16);

    assert_int_equal(end - text, 16);
    return hash;
}

static void check_slot(struct line *line) {
    char bytes[BYTES_MAX];
    struct slice key = bytes_of(line->words[1], bytes);

    assert_int_equal(XXH3_64bits(key.data, key.size), hash_of(line->words[2]));
    assert_int_equal(ring_slot(key), number_of(line->words[3]));
}

static void check_score(struct line *line) {
    char bytes[BYTES_MAX];
    struct slice name = bytes_of(line->words[1], bytes);
    uint64_t score = slots_score(XXH3_64bits(name.data, name.size), (uint32_t)number_of(line->words[2]));

    assert_int_equal(score, hash_of(line->words[3]));
}

static struct ring *make_ring(const struct slice *names, size_t count) {
    struct ring *ring;

    assert_int_equal(ring_new(names, count, NULL, &ring), LARDER_OK);
    return ring;
}

/* node-0000, node-0001, ...: one ring at a time is kept, because many lines ask about it. */
static struct ring *many_ring(size_t count, struct slice *ret_names) {
    static char texts[RING_NODES_MAX][MANY_NAME];
    static struct ring *ring;
    static size_t ring_count;

    for (size_t i = 0; i < count; i++) {
        ret_names[i] = slice_make(texts[i], (size_t)snprintf(texts[i], MANY_NAME, "node-%04zu", i));
    }
    if (ring_count != count) {
        ring_free(ring);
        ring = count == 0 ? NULL : make_ring(ret_names, count);
        ring_count = count;
    }
    return ring;
}

static void check_owner(struct line *line) {
    static struct slice names[RING_NODES_MAX];
    char bytes[BYTES_MAX];
    size_t count = number_of(line->words[1]);
    struct ring *ring = many_ring(count, names);
    uint16_t owner = ring_owner(ring, (uint32_t)number_of(line->words[2]));

    assert_true(owner < count);
    assert_true(slice_equal(names[owner], bytes_of(line->words[3], bytes)));
}

static void check_server(struct line *line) {
    char texts[ITEMS_MAX][MANY_NAME + 8], bytes[BYTES_MAX];
    struct slice names[ITEMS_MAX];
    size_t count = number_of(line->words[1]);
    uint64_t best = 0;
    size_t owner = 0;

    assert_true(count <= ITEMS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t score;

        names[i] = slice_make(texts[i], (size_t)snprintf(texts[i], sizeof(texts[i]), "10.0.0.%zu:11211", i + 1));
        score = slots_score(XXH3_64bits(names[i].data, names[i].size), ring_slot(bytes_of(line->words[2], bytes)));
        owner = score > best ? i : owner;
        best = score > best ? score : best;
    }
    assert_int_equal(owner, number_of(line->words[3]));
}

static uint64_t hash_owners(const struct ring *ring) {
    unsigned char *table = malloc(2 * RING_SLOTS);
    uint64_t hash;

    assert_non_null(table);
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        uint16_t owner = ring_owner(ring, slot);

        table[2 * slot] = (unsigned char)owner;
        table[2 * slot + 1] = (unsigned char)(owner >> 8);
    }
    hash = XXH3_64bits(table, 2 * RING_SLOTS);
    free(table);
    return hash;
}

static void check_ring(struct line *line) {
    static char bytes[ITEMS_MAX][BYTES_MAX];
    char *texts[ITEMS_MAX], *shares[ITEMS_MAX];
    struct slice names[ITEMS_MAX];
    uint32_t slots[ITEMS_MAX];
    size_t count = cut(line->words[1], ",", texts, ITEMS_MAX);
    struct ring *ring;

    for (size_t i = 0; i < count; i++) {
        names[i] = bytes_of(texts[i], bytes[i]);
    }
    ring = make_ring(names, count);
    assert_int_equal(hash_owners(ring), hash_of(line->words[2]));
    assert_int_equal(cut(line->words[3], ",", shares, ITEMS_MAX), count);
    ring_shares(ring, slots);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(slots[i], number_of(shares[i]));
    }
    ring_free(ring);
}

/* A record of NAME:INCARNATION:ALGORITHM:LEAVING. */
static struct kv record_of(char *text, struct buf *key, struct buf *value) {
    char *parts[4], bytes[BYTES_MAX];
    struct member member = {.address = SLICE("127.0.0.1:1")};
    struct kv kv = {.mod_revision = INT64_MAX};

    assert_int_equal(cut(text, ":", parts, 4), 4);
    member.id = bytes_of(parts[0], bytes);
    member.algorithm = (unsigned)number_of(parts[2]);
    member.leaving = number_of(parts[3]) == 1;
    assert_int_equal(buf_append_slice(key, member.id), LARDER_OK);
    assert_int_equal(member_record_write(&member, value), LARDER_OK);
    kv.key = buf_slice(key);
    kv.value = buf_slice(value);
    kv.create_revision = (int64_t)number_of(parts[1]);
    return kv;
}

static void check_digest(struct line *line) {
    char *texts[ITEMS_MAX];
    struct buf keys[ITEMS_MAX], values[ITEMS_MAX];
    struct kv kvs[ITEMS_MAX];
    struct membership *m;
    size_t bad, count = strcmp(line->words[1], "-") == 0 ? 0 : cut(line->words[1], ",", texts, ITEMS_MAX);

    for (size_t i = 0; i < count; i++) {
        buf_init(&keys[i], BYTES_MAX);
        buf_init(&values[i], BYTES_MAX);
        kvs[i] = record_of(texts[i], &keys[i], &values[i]);
    }
    assert_int_equal(membership_read(slice_make(NULL, 0), kvs, count, 1, &m, &bad), LARDER_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(m->digest, hash_of(line->words[2]));
    membership_unref(m);
    for (size_t i = 0; i < count; i++) {
        buf_fini(&keys[i]);
        buf_fini(&values[i]);
    }
}

static const struct {
    const char *word;
    size_t words;
    void (*check)(struct line *line);
    size_t least; /* so that nothing is checked by not being there */
} kinds[] = {
    {"slot", 4, check_slot, 10}, {"score", 4, check_score, 20},  {"owner", 4, check_owner, 100},
    {"ring", 4, check_ring, 4},  {"digest", 3, check_digest, 5}, {"server", 4, check_server, 100},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static size_t check_line(char *text) {
    struct line line;
    size_t kind = 0;

    line.count = cut(text, " \n", line.words, WORDS_MAX + 1);
    while (kind < KINDS && strcmp(line.words[0], kinds[kind].word) != 0) {
        kind++;
    }
    assert_true(kind < KINDS);
    assert_int_equal(line.count, kinds[kind].words);
    kinds[kind].check(&line);
    return kind;
}

static void all_vectors_hold(void **state) {
    FILE *file = fopen(RING_VECTORS, "r");
    size_t checked[KINDS] = {0};
    char *line = NULL;
    size_t room = 0;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        if (line[0] != '#') {
            checked[check_line(line)]++;
        }
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        assert_true(checked[kind] >= kinds[kind].least);
    }
    free(line);
    fclose(file);
    many_ring(0, NULL);
}

/* What comes out of it, if it fails, is on standard error. */
static void the_reference_still_makes_them(void **state) {
    char python[] = "/usr/bin/python3", no_cache[] = "-B", check[] = "--check";
    char program[] = RING_REFERENCE, vectors[] = RING_VECTORS;
    char *arguments[] = {python, no_cache, program, check, vectors, NULL};
    pid_t pid;
    int status = -1;

    (void)state;
    assert_int_equal(posix_spawn(&pid, python, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_vectors_hold),
        cmocka_unit_test(the_reference_still_makes_them),
    };

    return cmocka_run_group_tests_name("ring-vectors", tests, NULL, NULL);
}
