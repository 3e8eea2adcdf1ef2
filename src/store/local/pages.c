/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAGIC_AT = 16,
    DATABASES_AT = 40, /* in a meta page: the free list, then the main one */
    LAST_PAGE_AT = 136,
    TRANSACTION_AT = 144,
    META_SIZE = 152,
    META_PAGES = 2,

    DATABASE_SIZE = 48,
    DATABASE_FLAGS_AT = 4,
    DATABASE_DEPTH_AT = 6,
    DATABASE_ROOT_AT = 40,
    DATABASE_FLAGS = 0x7f, /* those of a database; the free list has the environment's beside them */
    INTEGER_KEYS = 8,      /* the one of the free list */

    HEADER_SIZE = 16,
    FLAGS_AT = 10,
    LOWER_AT = 12,
    UPPER_AT = 14,
    OVERFLOW_COUNT_AT = 12,
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW = 4,
    META = 8,

    NODE_HEADER = 8,
    NODE_FLAGS_AT = 4,
    NODE_KEY_SIZE_AT = 6,
    NODE_BIG = 1,      /* the value has pages of its own */
    NODE_DATABASE = 2, /* the value is a database */

    DEPTH_MAX = 32, /* LMDB's own limit */
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 32768,
};

#define MAGIC UINT32_C(0xBEEFC0DE)
#define NO_ROOT UINT64_MAX

struct check {
    const unsigned char *file;
    uint64_t size;
    uint64_t page_size;
    uint64_t pages;      /* that the file may have, by its own account */
    unsigned char *used; /* a bit for each */
    uint64_t damaged;    /* the page where something was found */
    const char *trouble; /* what; NULL: nothing so far */
};

enum kind { FREE_LIST, MAIN, NAMED };

static uint64_t get(const unsigned char *bytes, size_t size) {
    uint64_t number = 0;

    memcpy(&number, bytes, size); /* LMDB's files have the byte order of the machine; here the least comes first */
    return number;
}

static bool trouble(struct check *c, uint64_t page, const char *what) {
    c->damaged = page;
    c->trouble = what;
    return false;
}

/* Notes that pages are in use. */
static bool use(struct check *c, uint64_t page, uint64_t count, bool in_file) {
    if (page < META_PAGES || count == 0 || count > c->pages || page > c->pages - count) {
        return trouble(c, page, "points outside of the file");
    }
    if (in_file && (page + count) * c->page_size > c->size) {
        return trouble(c, page, "is missing: the file was cut off");
    }
    for (uint64_t i = page; i < page + count; i++) {
        if (c->used[i / 8] & 1U << i % 8) {
            return trouble(c, i, "is used twice");
        }
        c->used[i / 8] = (unsigned char)(c->used[i / 8] | 1U << i % 8);
    }
    return true;
}

static const unsigned char *page_at(const struct check *c, uint64_t page) {
    return c->file + page * c->page_size;
}

/* A value with pages of its own. */
static const unsigned char *check_big(struct check *c, uint64_t page, uint64_t size) {
    const unsigned char *p;
    uint64_t count;

    if (page >= c->pages || (page + 1) * c->page_size > c->size) {
        trouble(c, page, "points outside of the file");
        return NULL;
    }
    p = page_at(c, page);
    count = get(p + OVERFLOW_COUNT_AT, 4);
    if (get(p, 8) != page || get(p + FLAGS_AT, 2) != OVERFLOW || size + HEADER_SIZE > count * c->page_size) {
        trouble(c, page, "is not the long value that it should be");
        return NULL;
    }
    return use(c, page, count, true) ? p + HEADER_SIZE : NULL;
}

static bool check_tree(struct check *c, const unsigned char *database, enum kind kind);

/* A value of the free list: how many pages, then their numbers. */
static bool check_free(struct check *c, uint64_t page, const unsigned char *value, uint64_t size) {
    uint64_t count = size >= 8 ? get(value, 8) : UINT64_MAX;

    if (count > size / 8 - 1) {
        return trouble(c, page, "has a free list that is too long");
    }
    for (uint64_t i = 1; i <= count; i++) {
        if (!use(c, get(value + i * 8, 8), 1, false)) {
            return false;
        }
    }
    return true;
}

static bool check_value(struct check *c, uint64_t page, const unsigned char *node, uint64_t room, enum kind kind) {
    uint64_t size = get(node, 4);
    uint64_t key_size = get(node + NODE_KEY_SIZE_AT, 2);
    uint64_t flags = get(node + NODE_FLAGS_AT, 2);
    uint64_t in_page = flags & NODE_BIG ? 8 : size;
    const unsigned char *value = node + NODE_HEADER + key_size;

    if (NODE_HEADER + key_size > room || in_page > room - NODE_HEADER - key_size ||
        flags & ~(uint64_t)(NODE_BIG | NODE_DATABASE) || (kind == FREE_LIST && key_size != 8)) {
        return trouble(c, page, "has an entry that leaves it");
    }
    if (flags & NODE_BIG) {
        value = check_big(c, get(value, 8), size);
        if (value == NULL) {
            return false;
        }
    }
    if (kind == FREE_LIST) {
        return check_free(c, page, value, size);
    }
    if ((kind == MAIN) != !!(flags & NODE_DATABASE) || (kind == MAIN && size != DATABASE_SIZE)) {
        return trouble(c, page, "has an entry of the wrong kind");
    }
    return kind == MAIN ? check_tree(c, value, NAMED) : true;
}

static bool check_page(struct check *c, uint64_t page, unsigned depth, enum kind kind) {
    uint64_t expected = depth > 1 ? BRANCH : LEAF;
    const unsigned char *p;
    uint64_t lower;
    uint64_t upper;

    if (!use(c, page, 1, true)) {
        return false;
    }
    p = page_at(c, page);
    lower = get(p + LOWER_AT, 2);
    upper = get(p + UPPER_AT, 2);
    if (get(p, 8) != page || get(p + FLAGS_AT, 2) != expected) {
        return trouble(c, page, "is not the page that it should be");
    }
    if (lower < HEADER_SIZE || lower > upper || upper > c->page_size || lower % 2 != 0 ||
        lower - HEADER_SIZE < (depth > 1 && kind != FREE_LIST ? 4U : 2U)) {
        return trouble(c, page, "has a damaged head");
    }
    for (uint64_t at = HEADER_SIZE; at < lower; at += 2) {
        uint64_t offset = get(p + at, 2);
        const unsigned char *node = p + offset;

        if (offset < upper || offset + NODE_HEADER > c->page_size || offset % 2 != 0) {
            return trouble(c, page, "has an entry that leaves it");
        }
        if (depth == 1) {
            if (!check_value(c, page, node, c->page_size - offset, kind)) {
                return false;
            }
        } else if (NODE_HEADER + get(node + NODE_KEY_SIZE_AT, 2) > c->page_size - offset) {
            return trouble(c, page, "has an entry that leaves it");
        } else if (!check_page(c, get(node, 6), depth - 1, kind)) {
            return false;
        }
    }
    return true;
}

static bool check_tree(struct check *c, const unsigned char *database, enum kind kind) {
    uint64_t flags = get(database + DATABASE_FLAGS_AT, 2);
    uint64_t depth = get(database + DATABASE_DEPTH_AT, 2);
    uint64_t root = get(database + DATABASE_ROOT_AT, 8);

    if ((flags & DATABASE_FLAGS) != (kind == FREE_LIST ? INTEGER_KEYS : 0) || depth > DEPTH_MAX ||
        (depth == 0) != (root == NO_ROOT)) {
        return trouble(c, root, "is the root of a damaged tree");
    }
    return root == NO_ROOT || check_page(c, root, (unsigned)depth, kind);
}

static bool check_contents(struct check *c, const unsigned char *meta) {
    /* Values first: a free list that holds a page in use is then what is found wrong. */
    return check_tree(c, meta + DATABASES_AT + DATABASE_SIZE, MAIN) && check_tree(c, meta + DATABASES_AT, FREE_LIST);
}

static bool is_meta(const struct check *c, uint64_t page) {
    const unsigned char *p = page_at(c, page);

    return get(p + FLAGS_AT, 2) == META && get(p + MAGIC_AT, 4) == MAGIC && get(p + DATABASES_AT, 4) == c->page_size &&
           get(p + LAST_PAGE_AT, 8) < UINT64_MAX / PAGE_SIZE_MAX;
}

static bool check_file(struct check *c) {
    const unsigned char *meta;

    c->page_size = c->size >= META_SIZE ? get(c->file + DATABASES_AT, 4) : 0;
    if (c->page_size < PAGE_SIZE_MIN || c->page_size > PAGE_SIZE_MAX || c->size < META_PAGES * c->page_size ||
        !is_meta(c, 0) || !is_meta(c, 1)) {
        return trouble(c, 0, "is not the head of a store's file");
    }
    meta = page_at(c, get(page_at(c, 1) + TRANSACTION_AT, 8) > get(c->file + TRANSACTION_AT, 8) ? 1 : 0);
    c->pages = get(meta + LAST_PAGE_AT, 8) + 1;
    if (c->pages / 8 > c->size) {
        return trouble(c, 0, "names more pages than there can be");
    }
    c->used = calloc(1, c->pages / 8 + 1);
    if (c->used == NULL) {
        return trouble(c, 0, "cannot be checked: out of memory");
    }
    check_contents(c, meta);
    free(c->used);
    return c->trouble == NULL;
}

static bool check_open_file(int fd, struct buf *why) {
    struct check check = {0};
    struct stat stat;
    void *file;

    if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
        buf_printf(why, "data.mdb is not a regular file");
        return false;
    }
    if (stat.st_size == 0) {
        return true;
    }
    file = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        buf_printf(why, "data.mdb cannot be read: %s", strerror(errno));
        return false;
    }
    check.file = file;
    check.size = (uint64_t)stat.st_size;
    if (!check_file(&check)) {
        buf_printf(why, "data.mdb is damaged: page %llu %s", (unsigned long long)check.damaged, check.trouble);
    }
    munmap(file, (size_t)stat.st_size);
    return check.trouble == NULL;
}

bool pages_check(const char *file, struct buf *why) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool good;

    if (fd < 0) {
        if (errno != ENOENT) {
            buf_printf(why, "data.mdb cannot be opened: %s", strerror(errno));
        }
        return errno == ENOENT;
    }
    good = check_open_file(fd, why);
    close(fd);
    return good;
}
