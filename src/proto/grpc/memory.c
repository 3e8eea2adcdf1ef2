/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/grpc/limits.h"

struct grpc_memory_block {
    _Alignas(max_align_t) struct grpc_memory_block *next; /* in memory->blocks */
    struct grpc_memory_block *previous;
    struct grpc_memory_block *next_kept;
    size_t size; /* of the bytes behind it */
};

static struct grpc_memory_block *block_of(void *data) {
    return (struct grpc_memory_block *)data - 1;
}

static size_t class_of(size_t size) {
    return size / GRPC_MEMORY_STEP + (size % GRPC_MEMORY_STEP != 0);
}

static void link_block(struct grpc_memory *memory, struct grpc_memory_block *block) {
    block->previous = NULL;
    block->next = memory->blocks;
    if (block->next != NULL) {
        block->next->previous = block;
    }
    memory->blocks = block;
    memory->bytes += sizeof(*block) + block->size;
}

static void unlink_block(struct grpc_memory *memory, struct grpc_memory_block *block) {
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        memory->blocks = block->next;
    }
    memory->bytes -= sizeof(*block) + block->size;
}

static void *take_new(struct grpc_memory *memory, size_t size) {
    struct grpc_memory_block *block = NULL;

    if (size <= memory->limit && memory->bytes <= memory->limit - size) {
        block = malloc(sizeof(*block) + size);
    }
    if (block == NULL) {
        memory->has_failed = true;
        return NULL;
    }
    block->size = size;
    link_block(memory, block);
    return block + 1;
}

static void *take(size_t size, void *user) {
    struct grpc_memory *memory = user;
    size_t class = class_of(size);
    struct grpc_memory_block *block;

    if (class >= GRPC_MEMORY_CLASSES) {
        return take_new(memory, size);
    }
    block = memory->kept[class];
    if (block == NULL) {
        return take_new(memory, class * GRPC_MEMORY_STEP);
    }
    memory->kept[class] = block->next_kept;
    memory->kept_bytes -= block->size;
    return block + 1;
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
    struct grpc_memory_block *block;
    size_t class;

    if (data == NULL || memory->has_failed) {
        return;
    }
    block = block_of(data);
    class = class_of(block->size);
    if (class < GRPC_MEMORY_CLASSES && memory->kept_bytes < GRPC_KEPT_BYTES) {
        block->next_kept = memory->kept[class];
        memory->kept[class] = block;
        memory->kept_bytes += block->size;
        return;
    }
    unlink_block(memory, block);
    free(block);
}

static void *resize(void *data, size_t size, void *user) {
    void *moved;

    if (data == NULL) {
        return take(size, user);
    }
    if (size <= block_of(data)->size) {
        return data;
    }
    moved = take(size, user);
    if (moved != NULL) {
        memcpy(moved, data, block_of(data)->size);
        give_back(data, user);
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
    while (memory->blocks != NULL) {
        struct grpc_memory_block *block = memory->blocks;

        memory->blocks = block->next;
        free(block);
    }
    *memory = (struct grpc_memory){.limit = memory->limit};
}
