/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/change.h"

/* What the batch, or else the store, has under that name. NULL: nothing. */
static const struct note *find(const struct local *s, struct slice name) {
    for (size_t i = s->batch.note_count; i > 0; i--) {
        if (slice_equal(note_name(s->batch.notes[i - 1]), name)) {
            return s->batch.notes[i - 1];
        }
    }
    return note_set_find(&s->notes, name);
}

static int64_t cost_of(const struct note *note) {
    return note != NULL ? note_cost(note->name_size, note->value_size) : 0;
}

enum store_status change_note(struct local *s, struct store_call *call) {
    const struct store_note *op = &call->op.note;
    struct batch *b = &s->batch;
    int64_t more = note_cost(op->name.size, op->value.size) - cost_of(find(s, op->name));
    struct journal_item item = {.kind = JOURNAL_NOTE, .number = (int64_t)op->name.size};
    struct note *note;

    if (more > 0 && s->notes.bytes + b->note_bytes + more > STORE_NOTES_MAX) {
        call->status = STORE_NO_SPACE;
        return STORE_OK;
    }
    if (!batch_reserve_note(b) || !note_set_reserve(&s->notes, b->note_count + 1)) {
        return STORE_NO_MEMORY;
    }
    note = note_new(op->name, op->value);
    if (note == NULL) {
        return STORE_NO_MEMORY;
    }
    b->notes[b->note_count++] = note;
    b->note_bytes += more;
    b->payload += op->name.size + op->value.size;
    b->dirty = true;
    item.bytes = slice_make(note->bytes, note->name_size + note->value_size);
    return batch_written(b, journal_add(&b->entry, &item));
}
