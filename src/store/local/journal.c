/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    FILE_MODE = 0600,
    ALIGNMENT = 8,
    STEP =
        1 << 20, /* bytes by which the file grows: to write where zeros are is quicker than to write behind the end */
};

/* Of an entry that was waited for, and of one that was not: those may be lost in any order. */
#define MAGIC UINT64_C(0x6c616e72756f4a4c)
#define MAGIC_UNSYNCED UINT64_C(0x6c616e72756f6a4c)

struct head {
    uint64_t magic;
    uint64_t sequence;
    uint64_t size;
    uint64_t items_checksum;
    uint64_t head_checksum; /* so that no time is lost with the items of what only looks like a head */
};

struct item_head {
    uint32_t kind;
    uint32_t size;
    int64_t number;
    int64_t other;
};

static uint64_t padded(uint64_t size) {
    return (size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

/* --- the file --- */

bool journal_open(struct journal *j, const char *file, bool no_sync, struct buf *why) {
    struct stat stat;

    *j = (struct journal){.no_sync = no_sync};
    j->fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (j->fd < 0 || fstat(j->fd, &stat) < 0) {
        buf_printf(why, "the journal cannot be opened: %s", strerror(errno));
        journal_close(j);
        return false;
    }
    if (!S_ISREG(stat.st_mode)) {
        buf_printf(why, "the journal is not a regular file");
        journal_close(j);
        return false;
    }
    j->length = (uint64_t)stat.st_size;
    return true;
}

void journal_close(struct journal *j) {
    if (j->fd >= 0) {
        close(j->fd);
    }
    j->fd = -1;
}

static enum store_status write_status(int error) {
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? STORE_NO_SPACE : STORE_IO;
}

static enum store_status write_at(const struct journal *j, const char *bytes, size_t size, uint64_t offset) {
    while (size > 0) {
        ssize_t written = pwrite(j->fd, bytes, size, (off_t)offset);

        if (written < 0 && errno != EINTR) {
            return write_status(errno);
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return STORE_OK;
}

/* Makes the file long enough. */
static enum store_status lengthen(struct journal *j, uint64_t length) {
    enum store_status status = STORE_OK;
    char *zeros;

    if (length <= j->length) {
        return STORE_OK;
    }
    zeros = calloc(1, STEP);
    if (zeros == NULL) {
        return STORE_NO_MEMORY;
    }
    while (j->length < length && status == STORE_OK) {
        status = write_at(j, zeros, STEP - j->length % STEP, j->length);
        if (status == STORE_OK) {
            j->length += STEP - j->length % STEP;
        }
    }
    free(zeros);
    return status;
}

/* --- writing --- */

static enum store_status add_bytes(struct buf *entry, const void *bytes, size_t size) {
    return buf_append(entry, bytes, size) == LARDER_OK ? STORE_OK : STORE_NO_MEMORY;
}

enum store_status journal_add(struct buf *entry, const struct journal_item *item) {
    static const char zeros[ALIGNMENT];
    const struct item_head head = {
        .kind = item->kind,
        .size = (uint32_t)item->bytes.size,
        .number = item->number,
        .other = item->other,
    };
    const struct head none = {0};
    enum store_status status = entry->size > 0 ? STORE_OK : add_bytes(entry, &none, sizeof(none));

    if (status == STORE_OK) {
        status = add_bytes(entry, &head, sizeof(head));
    }
    if (status == STORE_OK) {
        status = add_bytes(entry, item->bytes.data, item->bytes.size);
    }
    return status == STORE_OK ? add_bytes(entry, zeros, padded(item->bytes.size) - item->bytes.size) : status;
}

static uint64_t items_checksum(const struct journal *j, const struct head *head, const char *items) {
    return XXH3_64bits_withSeed(items, head->size, j->salt);
}

static uint64_t head_checksum(const struct journal *j, const struct head *head) {
    return XXH3_64bits_withSeed(head, offsetof(struct head, head_checksum), j->salt);
}

enum store_status journal_append(struct journal *j, struct buf *entry) {
    struct head head = {
        .magic = j->no_sync ? MAGIC_UNSYNCED : MAGIC,
        .sequence = j->sequence + 1,
        .size = entry->size - sizeof(head),
    };
    enum store_status status = lengthen(j, j->offset + entry->size);

    head.items_checksum = items_checksum(j, &head, entry->data + sizeof(head));
    head.head_checksum = head_checksum(j, &head);
    memcpy(entry->data, &head, sizeof(head));
    if (status == STORE_OK) {
        status = write_at(j, entry->data, entry->size, j->offset);
    }
    if (status == STORE_OK && !j->no_sync && fdatasync(j->fd) < 0) {
        return STORE_IO;
    }
    if (status == STORE_OK) {
        j->offset += entry->size;
        j->sequence++;
    }
    return status;
}

/* --- reading --- */

static bool is_magic(uint64_t magic) {
    return magic == MAGIC || magic == MAGIC_UNSYNCED;
}

/* The entry at an offset. False: there is none that is whole. */
static bool entry_at(const struct journal *j, struct slice file, uint64_t offset, struct head *ret_head) {
    if (offset > file.size || file.size - offset < sizeof(*ret_head)) {
        return false;
    }
    memcpy(ret_head, file.data + offset, sizeof(*ret_head));
    return is_magic(ret_head->magic) && ret_head->head_checksum == head_checksum(j, ret_head) &&
           ret_head->size <= file.size - offset - sizeof(*ret_head) &&
           ret_head->items_checksum == items_checksum(j, ret_head, file.data + offset + sizeof(*ret_head));
}

static enum store_status tell_items(struct slice items, journal_item_fn *each, void *ctx) {
    enum store_status status = STORE_OK;

    while (items.size > 0 && status == STORE_OK) {
        struct item_head head;
        struct journal_item item;

        if (items.size < sizeof(head)) {
            return STORE_DAMAGED;
        }
        memcpy(&head, items.data, sizeof(head));
        items = slice_skip(items, sizeof(head));
        if (padded(head.size) > items.size) {
            return STORE_DAMAGED;
        }
        item = (struct journal_item){
            .kind = (enum journal_kind)head.kind,
            .number = head.number,
            .other = head.other,
            .bytes = slice_make(items.data, head.size),
        };
        items = slice_skip(items, padded(head.size));
        status = each(ctx, &item);
    }
    return status;
}

/* Looks for entries behind the last one that are later. One that was waited for proves damage. One that was not only proves
 * that another before it was lost; its number must not be used again, or it would follow an entry that it did not. */
static enum store_status look_behind(struct journal *j, struct slice file) {
    uint64_t sequence = j->sequence;

    for (uint64_t offset = j->offset; offset + sizeof(struct head) <= file.size; offset += ALIGNMENT) {
        struct head head;

        memcpy(&head, file.data + offset, sizeof(head.magic));
        if (!is_magic(head.magic) || !entry_at(j, file, offset, &head) || head.sequence <= j->sequence) {
            continue;
        }
        if (head.magic == MAGIC) {
            return STORE_DAMAGED;
        }
        sequence = head.sequence > sequence ? head.sequence : sequence;
    }
    j->sequence = sequence;
    return STORE_OK;
}

static enum store_status replay(struct journal *j, struct slice file, journal_item_fn *each, void *ctx) {
    enum store_status status = STORE_OK;
    struct head head;

    while (status == STORE_OK && entry_at(j, file, j->offset, &head) && head.sequence == j->sequence + 1) {
        status = tell_items(slice_make(file.data + j->offset + sizeof(head), head.size), each, ctx);
        j->offset += sizeof(head) + head.size;
        j->sequence++;
    }
    return status == STORE_OK ? look_behind(j, file) : status;
}

enum store_status journal_replay(struct journal *j, uint64_t salt, uint64_t sequence, journal_item_fn *each,
                                 void *ctx) {
    enum store_status status;
    void *file;

    j->offset = 0;
    j->salt = salt;
    j->sequence = sequence;
    if (j->length == 0) {
        return STORE_OK;
    }
    file = mmap(NULL, j->length, PROT_READ, MAP_SHARED, j->fd, 0);
    if (file == MAP_FAILED) {
        return STORE_IO;
    }
    status = replay(j, slice_make(file, j->length), each, ctx);
    munmap(file, j->length);
    return status;
}
