/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/snapshot_parse.h"

#include <inttypes.h>
#include <openssl/evp.h>

enum {
    READ_SIZE = 256 << 10,
    INPUT_MAX = SNAPSHOT_BLOCK_MAX + SNAPSHOT_BLOCK_HEAD_SIZE + READ_SIZE,
};

/* A reading that goes on. */
struct parse {
    const struct snapshot_source *source;
    const struct snapshot_handler *handler;
    struct snapshot_summary *summary; /* `bytes`: what is consumed */
    struct buf *why;
    struct buf input;
    size_t at; /* in the input; what is before is consumed */
    EVP_MD_CTX *digest;
    uint32_t kind; /* of the block before */
    int64_t lease; /* the last ones */
    char name[STORE_NOTE_NAME_MAX];
    size_t name_size;
    int64_t revision;
    uint32_t sub;
};

/* --- bytes --- */

static bool fail_memory(struct parse *p) {
    buf_printf(p->why, "out of memory");
    return false;
}

static bool damaged(struct parse *p, const char *what) {
    buf_printf(p->why, "it is damaged: %s at byte %" PRIu64, what, p->summary->bytes);
    return false;
}

static bool cut_off(struct parse *p) {
    buf_printf(p->why, "it is cut off after %" PRIu64 " bytes", p->summary->bytes + p->input.size - p->at);
    return false;
}

/* Makes `size` bytes available at p->at. *ret_there: there are so many. False: it cannot be read. */
static bool fill(struct parse *p, size_t size, bool *ret_there) {
    while (p->input.size - p->at < size) {
        ptrdiff_t count;

        buf_consume(&p->input, p->at);
        p->at = 0;
        if (buf_reserve(&p->input, READ_SIZE) != LARDER_OK) {
            return fail_memory(p);
        }
        count = p->source->read(p->source->ctx, p->input.data + p->input.size, READ_SIZE);
        if (count < 0) {
            buf_printf(p->why, "it cannot be read: %s", strerror((int)-count));
            return false;
        }
        if (count == 0) {
            *ret_there = false;
            return true;
        }
        p->input.size += (size_t)count;
    }
    *ret_there = true;
    return true;
}

static bool need(struct parse *p, size_t size) {
    bool there;

    return fill(p, size, &there) && (there || cut_off(p));
}

/* Bytes that were made available count in the checksum from now on. */
static bool consume(struct parse *p, size_t size) {
    if (EVP_DigestUpdate(p->digest, p->input.data + p->at, size) != 1) {
        return fail_memory(p);
    }
    p->at += size;
    p->summary->bytes += size;
    return true;
}

/* --- blocks --- */

static bool told(struct parse *p, enum store_status status) {
    if (status != STORE_OK) {
        buf_printf(p->why, "what it has cannot be put into a store: %s", store_status_text(status));
    }
    return status == STORE_OK;
}

static bool take_head(struct parse *p, struct slice block) {
    struct snapshot_head *head = &p->summary->head;

    if (!snapshot_get_head(block, head)) {
        return damaged(p, "no head");
    }
    if (head->version > SNAPSHOT_VERSION) {
        buf_printf(p->why, "its format is %" PRIu32 ", and this larder knows formats up to %d; use a newer one",
                   head->version, SNAPSHOT_VERSION);
        return false;
    }
    return p->handler->head == NULL || told(p, p->handler->head(p->handler->ctx, head));
}

static bool take_lease(struct parse *p, struct slice block) {
    int64_t id;
    int64_t ttl;

    if (!snapshot_get_lease(block, &id, &ttl) || (p->summary->counts.leases > 0 && id <= p->lease)) {
        return damaged(p, "no lease");
    }
    p->lease = id;
    p->summary->counts.leases++;
    return p->handler->lease == NULL || told(p, p->handler->lease(p->handler->ctx, id, ttl));
}

static bool take_note(struct parse *p, struct slice block) {
    struct slice name;
    struct slice value;

    if (!snapshot_get_note(block, &name, &value) || slice_compare(name, slice_make(p->name, p->name_size)) <= 0) {
        return damaged(p, "no note");
    }
    memcpy(p->name, name.data, name.size);
    p->name_size = name.size;
    p->summary->counts.notes++;
    return p->handler->note == NULL || told(p, p->handler->note(p->handler->ctx, name, value));
}

static bool follows(const struct parse *p, int64_t revision, uint32_t sub) {
    return revision > p->revision ? revision <= p->summary->head.revision
                                  : revision == p->revision && sub > p->sub && p->summary->counts.records > 0;
}

static bool take_record(struct parse *p, struct slice block) {
    struct kv kv;
    uint32_t sub;

    if (!snapshot_get_record(block, &kv, &sub) || !follows(p, kv.mod_revision, sub)) {
        return damaged(p, "no record");
    }
    p->revision = kv.mod_revision;
    p->sub = sub;
    p->summary->counts.records++;
    return p->handler->record == NULL || told(p, p->handler->record(p->handler->ctx, &kv, sub));
}

static bool take_end(struct parse *p, struct slice block) {
    const struct snapshot_counts *found = &p->summary->counts;
    struct snapshot_counts counts;

    if (!snapshot_get_end(block, &counts) || counts.leases != found->leases || counts.notes != found->notes ||
        counts.records != found->records || p->revision != p->summary->head.revision) {
        return damaged(p, "the wrong end");
    }
    return true;
}

static bool take_block(struct parse *p, uint32_t kind, struct slice block) {
    if (kind < p->kind || (kind == SNAPSHOT_HEAD) != (p->kind == 0)) {
        return damaged(p, "a block in the wrong place");
    }
    p->kind = kind;
    switch (kind) {
    case SNAPSHOT_HEAD:
        return take_head(p, block);
    case SNAPSHOT_LEASE:
        return take_lease(p, block);
    case SNAPSHOT_NOTE:
        return take_note(p, block);
    case SNAPSHOT_RECORD:
        return take_record(p, block);
    case SNAPSHOT_END:
        return take_end(p, block);
    default:
        return damaged(p, "an unknown block");
    }
}

static bool read_block(struct parse *p) {
    uint32_t kind;
    uint32_t size;

    if (!need(p, SNAPSHOT_BLOCK_HEAD_SIZE)) {
        return false;
    }
    snapshot_get_block(p->input.data + p->at, &kind, &size);
    if (size > SNAPSHOT_BLOCK_MAX) {
        return damaged(p, "a block that is too long");
    }
    return need(p, SNAPSHOT_BLOCK_HEAD_SIZE + size) &&
           take_block(p, kind, slice_make(p->input.data + p->at + SNAPSHOT_BLOCK_HEAD_SIZE, size)) &&
           consume(p, SNAPSHOT_BLOCK_HEAD_SIZE + size);
}

/* --- the whole --- */

static bool read_magic(struct parse *p) {
    bool there;

    if (!fill(p, SNAPSHOT_MAGIC_SIZE, &there)) {
        return false;
    }
    if (!there || memcmp(p->input.data + p->at, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE) != 0) {
        buf_printf(p->why, "it is not a snapshot of Larder");
        return false;
    }
    return consume(p, SNAPSHOT_MAGIC_SIZE);
}

static bool read_digest(struct parse *p, bool any_digest) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    bool more;

    if (!need(p, SNAPSHOT_DIGEST_SIZE)) {
        return false;
    }
    if (EVP_DigestFinal_ex(p->digest, digest, NULL) != 1) {
        return fail_memory(p);
    }
    if (!any_digest && memcmp(p->input.data + p->at, digest, SNAPSHOT_DIGEST_SIZE) != 0) {
        buf_printf(p->why, "it is damaged: its checksum is another one");
        return false;
    }
    p->at += SNAPSHOT_DIGEST_SIZE;
    p->summary->bytes += SNAPSHOT_DIGEST_SIZE;
    if (!fill(p, 1, &more)) {
        return false;
    }
    return !more || damaged(p, "something behind the end");
}

static bool read_all(struct parse *p, bool any_digest) {
    if (!read_magic(p)) {
        return false;
    }
    while (p->kind != SNAPSHOT_END) {
        if (!read_block(p)) {
            return false;
        }
    }
    return read_digest(p, any_digest);
}

bool snapshot_parse(const struct snapshot_source *source, const struct snapshot_handler *handler, bool any_digest,
                    struct snapshot_summary *ret_summary, struct buf *why) {
    struct parse p = {.source = source, .handler = handler, .summary = ret_summary, .why = why, .revision = 1};
    bool good;

    *ret_summary = (struct snapshot_summary){0};
    buf_init(&p.input, INPUT_MAX);
    p.digest = EVP_MD_CTX_new();
    good = p.digest != NULL && EVP_DigestInit_ex(p.digest, EVP_sha256(), NULL) == 1 ? read_all(&p, any_digest)
                                                                                    : fail_memory(&p);
    EVP_MD_CTX_free(p.digest);
    buf_fini(&p.input);
    return good;
}
