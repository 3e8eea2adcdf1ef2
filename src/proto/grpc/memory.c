/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "proto/grpc/limits.h"

/* A block of class k has room for 16k + 8 bytes, which are the sizes that glibc gives. */
enum { CLASS_STEP = 16, CLASS_REST = 8 };

/* The class all of whose blocks have room for `size`. */
static size_t class_for(size_t size) {
    return (size + CLASS_STEP - CLASS_REST - 1) / CLASS_STEP;
}

/* The highest class that a block with room for `size` belongs to. */
static size_t class_of(size_t size) {
    return (size - CLASS_REST) / CLASS_STEP;
}

static bool is_within(const struct grpc_memory *memory, size_t bytes, size_t size) {
    return size <= memory->limit && bytes <= memory->limit - size;
}

static void *take(size_t size, void *user) {
    struct grpc_memory *memory = user;
    size_t class = class_for(size);
    void *data;

    if (class < GRPC_MEMORY_CLASSES && memory->kept[class] != NULL) {
        data = memory->kept[class];
        memory->kept[class] = memory->kept[class]->next;
        memory->kept_bytes -= class * CLASS_STEP + CLASS_REST;
        return data;
    }
    if (!is_within(memory, memory->bytes, size)) {
        return NULL;
    }
    data = malloc(size);
    memory->bytes += data != NULL ? malloc_usable_size(data) : 0;
    return data;
}

static void *take_zeroed(size_t count, size_t size, void *user) {
    void *data;

    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    data = take(count * size, user);
    return data != NULL ? memset(data, 0, count * size) : NULL;
}

static void give_back(void *data, void *user) {
    struct grpc_memory *memory = user;
    struct grpc_memory_block *block = data;
    size_t size = data != NULL ? malloc_usable_size(data) : 0;
    size_t class;

    if (size < CLASS_STEP) { /* glibc has no block that small, but a checking allocator may */
        memory->bytes -= size;
        free(data);
        return;
    }
    class = class_of(size);
    if (class >= GRPC_MEMORY_CLASSES || memory->kept_bytes >= GRPC_KEPT_BYTES) {
        memory->bytes -= size;
        free(data);
        return;
    }
    block->next = memory->kept[class];
    memory->kept[class] = block;
    memory->kept_bytes += class * CLASS_STEP + CLASS_REST;
}

static void *resize(void *data, size_t size, void *user) {
    struct grpc_memory *memory = user;
    size_t before = data != NULL ? malloc_usable_size(data) : 0;
    void *moved;

    if (!is_within(memory, memory->bytes - before, size)) {
        return NULL;
    }
    moved = realloc(data, size);
    if (moved != NULL) {
        memory->bytes += malloc_usable_size(moved);
        memory->bytes -= before;
    }
    return moved;
}

nghttp2_mem grpc_memory_interface(struct grpc_memory *memory) {
    return (nghttp2_mem){
        .mem_user_data = memory,
        .malloc = take,
        .free = give_back,
        .calloc = take_zeroed,
        .realloc = resize,
    };
}

void grpc_memory_fini(struct grpc_memory *memory) {
    for (size_t class = 0; class < GRPC_MEMORY_CLASSES; class ++) {
        while (memory->kept[class] != NULL) {
            struct grpc_memory_block *block = memory->kept[class];

            memory->kept[class] = block->next;
            free(block);
        }
    }
}
