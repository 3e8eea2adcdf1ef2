/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/memory.h"

#include <malloc.h>
#include <stdlib.h>

static void *take(size_t size, void *user) {
    struct grpc_memory *memory = user;
    void *data;

    if (size > memory->limit || memory->bytes > memory->limit - size) {
        return NULL;
    }
    data = malloc(size);
    memory->bytes += data != NULL ? malloc_usable_size(data) : 0;
    return data;
}

static void give_back(void *data, void *user) {
    struct grpc_memory *memory = user;

    if (data != NULL) {
        memory->bytes -= malloc_usable_size(data);
        free(data);
    }
}

static void *take_zeroed(size_t count, size_t size, void *user) {
    struct grpc_memory *memory = user;
    void *data;

    if (size != 0 && count > memory->limit / size) {
        return NULL;
    }
    if (memory->bytes > memory->limit - count * size) {
        return NULL;
    }
    data = calloc(count, size);
    memory->bytes += data != NULL ? malloc_usable_size(data) : 0;
    return data;
}

static void *resize(void *data, size_t size, void *user) {
    struct grpc_memory *memory = user;
    size_t before = data != NULL ? malloc_usable_size(data) : 0;
    void *moved;

    if (size > memory->limit || memory->bytes - before > memory->limit - size) {
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
