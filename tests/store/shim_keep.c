/* SPDX-License-Identifier: Apache-2.0 */
#include "shim_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the file: how many files and names there are; each file, followed by its sectors; the names. The program that reads it
 * is the one that wrote it. */

static void put(FILE *to, const void *data, size_t size) {
    if (fwrite(data, size, 1, to) != 1) {
        shim_die("what is not synced cannot be handed over");
    }
}

static void get(FILE *from, void *data, size_t size) {
    if (fread(data, size, 1, from) != 1) {
        shim_die("what was not synced cannot be taken over");
    }
}

static void put_file(FILE *to, const struct shim_file *f) {
    put(to, f, sizeof(*f));
    for (size_t i = 0; i < SHIM_SLOTS; i++) {
        for (const struct sector *sector = f->slots[i]; sector != NULL; sector = sector->next) {
            put(to, sector, sizeof(*sector));
            put(to, sector->states, sector->count * SECTOR);
        }
    }
}

static void get_file(FILE *from) {
    struct shim_file *f = calloc(1, sizeof(*f));
    size_t count;

    if (f == NULL) {
        shim_die("out of memory");
    }
    get(from, f, sizeof(*f));
    count = f->count;
    f->count = 0;
    memset(f->slots, 0, sizeof(f->slots));
    for (size_t i = 0; i < count; i++) {
        struct sector sector;

        get(from, &sector, sizeof(sector));
        for (size_t state = 0; state < sector.count; state++) {
            get(from, shim_add_state(f, sector.number), SECTOR);
        }
        if (sector.stuck) {
            shim_note_failure(f, sector.number * SECTOR, SECTOR);
        }
    }
    shim_state.files[shim_state.file_count++] = f;
}

void shim_hand_over(const char *file) {
    FILE *to = fopen(file, "w");

    if (to == NULL) {
        shim_die(file);
    }
    put(to, &shim_state.file_count, sizeof(shim_state.file_count));
    for (size_t i = 0; i < shim_state.file_count; i++) {
        put_file(to, shim_state.files[i]);
    }
    put(to, &shim_state.name_count, sizeof(shim_state.name_count));
    for (size_t i = 0; i < shim_state.name_count; i++) {
        put(to, &shim_state.names[i], sizeof(shim_state.names[i]));
    }
    if (fclose(to) != 0) {
        shim_die(file);
    }
}

void shim_take_over(const char *file) {
    FILE *from = fopen(file, "r");
    size_t count;

    if (from == NULL) { /* this is the first process */
        return;
    }
    get(from, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        get_file(from);
    }
    get(from, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        get(from, shim_add_name(""), sizeof(struct name));
    }
    fclose(from);
}
