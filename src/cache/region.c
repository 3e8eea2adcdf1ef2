/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/region.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { WORD_BITS = 64 };

static bool slot_taken(const struct region *r, size_t slot) {
    return (r->taken[slot / WORD_BITS] >> (slot % WORD_BITS)) & 1;
}

static void mark(struct region *r, size_t first, size_t count, bool taken) {
    for (size_t slot = first; slot < first + count; slot++) {
        uint64_t bit = UINT64_C(1) << (slot % WORD_BITS);

        if (taken) {
            r->taken[slot / WORD_BITS] |= bit;
        } else {
            r->taken[slot / WORD_BITS] &= ~bit;
        }
    }
}

/* Maps one slot more than needed and returns what sticks out on both sides, so that the base is aligned. */
static char *map_aligned(size_t size, size_t alignment) {
    char *raw =
        mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;

    if (raw == MAP_FAILED) {
        return NULL;
    }
    before = (alignment - (uintptr_t)raw % alignment) % alignment;
    if (before > 0) {
        munmap(raw, before);
    }
    if (alignment > before) {
        munmap(raw + before + size, alignment - before);
    }
    return raw + before;
}

enum larder_error region_init(struct region *r, size_t slot_size, size_t slots) {
    assert((slot_size & (slot_size - 1)) == 0);
    *r = (struct region){.slot_size = slot_size, .slots = slots};
    r->taken = calloc((slots + WORD_BITS - 1) / WORD_BITS, sizeof(*r->taken));
    if (r->taken == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    r->base = map_aligned(slots * slot_size, slot_size);
    if (r->base == NULL) {
        free(r->taken);
        r->taken = NULL;
        return LARDER_ERROR_NO_MEMORY;
    }
    /* Where the kernel knows no huge pages this fails, and nothing is lost. */
    (void)madvise(r->base, slots * slot_size, MADV_NOHUGEPAGE);
    return LARDER_OK;
}

void region_fini(struct region *r) {
    if (r->base != NULL) {
        munmap(r->base, r->slots * r->slot_size);
    }
    free(r->taken);
    *r = (struct region){0};
}

void *region_alloc(struct region *r, size_t count) {
    size_t run = 0;

    assert(count > 0);
    for (size_t slot = r->hint; slot < r->slots; slot++) {
        if (slot % WORD_BITS == 0 && r->taken[slot / WORD_BITS] == UINT64_MAX) {
            run = 0;
            slot += WORD_BITS - 1;
            continue;
        }
        if (slot_taken(r, slot)) {
            run = 0;
            continue;
        }
        if (++run == count) {
            size_t first = slot + 1 - count;

            mark(r, first, count, true);
            if (first == r->hint) {
                r->hint = slot + 1;
            }
            return r->base + first * r->slot_size;
        }
    }
    return NULL;
}

static void give_pages_back(char *start, size_t size) {
    int failed = madvise(start, size, MADV_DONTNEED);

    assert(failed == 0);
    (void)failed;
}

void region_trim(void *run, size_t kept, size_t touched) {
    give_pages_back((char *)run + kept, touched - kept);
}

void region_free(struct region *r, void *run, size_t count, size_t touched) {
    size_t first = (size_t)((char *)run - r->base) / r->slot_size;

    assert(first + count <= r->slots && slot_taken(r, first));
    if (touched > 0) {
        give_pages_back(run, touched);
    }
    mark(r, first, count, false);
    if (first < r->hint) {
        r->hint = first;
    }
}
