/* SPDX-License-Identifier: Apache-2.0 */
#include "library/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "library/memory.h"
#include "ring/ring.h"
#include "ring/slots.h"

enum {
    DEFAULT_TIMEOUT_MS = 1000,
    DEFAULT_POOL = 16,
    DEFAULT_FAILURES = 2,
    DEFAULT_COOLDOWN_MS = 1000,
    DEFAULT_COOLDOWN_MAX_MS = 30000,
    DEFAULT_VALUE_MAX = 128 << 20,
    OPTIONS_SIZE_FIRST = offsetof(struct larder_cache_options, tracer), /* as 0.1.0 had it at first */
    TABLE_FROM =
        16, /* servers: below, scores are computed in less time than a table of 512 KiB is loaded from memory */
};

static enum larder_status problem(char *ret_message, enum larder_status status, struct slice name, const char *why) {
    if (ret_message != NULL) {
        snprintf(ret_message, LARDER_MESSAGE_MAX, "%.*s%s%s", (int)(name.size < 80 ? name.size : 80), name.data,
                 name.size > 0 ? ": " : "", why);
    }
    return status;
}

static int64_t ns_of(unsigned ms, unsigned otherwise) {
    return (ms > 0 ? ms : otherwise) * CLOCK_NS_PER_MS;
}

static bool is_divider(char c) {
    return c == ',' || c == ' ' || c == '\t' || c == '\n';
}

/* The next name of a list, or an empty one at its end. */
static struct slice next_name(const char **at) {
    const char *start;

    while (is_divider(**at)) {
        (*at)++;
    }
    start = *at;
    while (**at != '\0' && !is_divider(**at)) {
        (*at)++;
    }
    return slice_make(start, (size_t)(*at - start));
}

static size_t count_names(const char *at) {
    size_t count = 0;

    while (next_name(&at).size > 0) {
        count++;
    }
    return count;
}

static enum larder_status server_init(struct server *server, struct slice name, char *ret_message) {
    struct address address;
    const char *reason;
    enum larder_error error;

    if (name.size >= sizeof(server->name)) {
        return problem(ret_message, LARDER_ERR_INVALID, name, "too long");
    }
    if (!address_parse(name, &address, &reason)) {
        return problem(ret_message, LARDER_ERR_INVALID, name, reason);
    }
    memcpy(server->name, name.data, name.size);
    server->seed = XXH3_64bits(name.data, name.size);
    server->is_unix = address.kind == ADDRESS_UNIX;
    error = endpoint_resolve(&address, server->endpoints, SERVER_ENDPOINTS_MAX, &server->endpoint_count);
    if (error != LARDER_OK) {
        return problem(ret_message, error == LARDER_ERROR_NO_MEMORY ? LARDER_ERR_NO_MEMORY : LARDER_ERR_UNRESOLVED,
                       name, larder_error_text(error));
    }
    return LARDER_DONE;
}

static int compare_places(const void *a, const void *b, void *ctx) {
    const struct server *servers = ctx;

    return strcmp(servers[*(const uint16_t *)a].name, servers[*(const uint16_t *)b].name);
}

/* The ring is made of names in their order. */
static enum larder_status order_servers(struct setup *s, char *ret_message) {
    for (size_t i = 0; i < s->count; i++) {
        s->order[i] = (uint16_t)i;
    }
    qsort_r(s->order, s->count, sizeof(s->order[0]), compare_places, s->servers);
    for (size_t i = 0; i < s->count; i++) {
        const struct server *server = &s->servers[s->order[i]];

        s->seeds[i] = server->seed;
        if (i > 0 && strcmp(s->servers[s->order[i - 1]].name, server->name) == 0) {
            return problem(ret_message, LARDER_ERR_INVALID, slice_from_string(server->name), "named twice");
        }
    }
    if (s->count >= TABLE_FROM) {
        struct slots nodes = {.count = s->count, .seeds = s->seeds, .slot_count = RING_SLOTS};

        s->owners = memory_new(&s->allocator, RING_SLOTS * sizeof(s->owners[0]));
        if (s->owners == NULL) {
            return problem(ret_message, LARDER_ERR_NO_MEMORY, SLICE(""), "out of memory");
        }
        slots_assign(&nodes, &(struct slots){.count = 0}, s->owners);
    }
    return LARDER_DONE;
}

static enum larder_status take_servers(struct setup *s, const char *servers, char *ret_message) {
    size_t count = count_names(servers);
    enum larder_status status = LARDER_DONE;

    if (count == 0) {
        return problem(ret_message, LARDER_ERR_INVALID, SLICE(""), "no server is named");
    }
    if (count > LARDER_SERVERS_MAX) {
        return problem(ret_message, LARDER_ERR_TOO_LARGE, SLICE(""), "too many servers");
    }
    s->servers = memory_new(&s->allocator, count * sizeof(s->servers[0]));
    s->order = memory_new(&s->allocator, count * sizeof(s->order[0]));
    s->seeds = memory_new(&s->allocator, count * sizeof(s->seeds[0]));
    if (s->servers == NULL || s->order == NULL || s->seeds == NULL) {
        return problem(ret_message, LARDER_ERR_NO_MEMORY, SLICE(""), "out of memory");
    }
    s->count = count;
    for (size_t i = 0; i < count && status == LARDER_DONE; i++) {
        status = server_init(&s->servers[i], next_name(&servers), ret_message);
    }
    return status == LARDER_DONE ? order_servers(s, ret_message) : status;
}

/* Checks what was given, and puts defaults where nothing was. */
static bool take_options(struct setup *s, const struct larder_cache_options *o) {
    const struct larder_allocator *a = &o->allocator;
    bool own = a->allocate != NULL;

    if (own != (a->reallocate != NULL) || own != (a->release != NULL) || o->pool_max > LARDER_POOL_MAX ||
        (o->dead != LARDER_DEAD_TO_NEXT && o->dead != LARDER_DEAD_FAIL)) {
        return false;
    }
    s->allocator = own ? *a : memory_default;
    s->tracer = o->tracer;
    s->log = o->log;
    s->log_ctx = o->log_ctx;
    s->connect_timeout_ns = ns_of(o->connect_timeout_ms, DEFAULT_TIMEOUT_MS);
    s->send_timeout_ns = ns_of(o->send_timeout_ms, DEFAULT_TIMEOUT_MS);
    s->receive_timeout_ns = ns_of(o->receive_timeout_ms, DEFAULT_TIMEOUT_MS);
    s->wait_timeout_ns = ns_of(o->wait_timeout_ms, DEFAULT_TIMEOUT_MS);
    s->pool_max = o->pool_max > 0 ? o->pool_max : DEFAULT_POOL;
    s->value_max = o->value_max > 0 ? o->value_max : DEFAULT_VALUE_MAX;
    s->fail_when_dead = o->dead == LARDER_DEAD_FAIL;
    s->health.failures_max = o->failures_max > 0 ? o->failures_max : DEFAULT_FAILURES;
    s->health.cooldown_ns = ns_of(o->cooldown_ms, DEFAULT_COOLDOWN_MS);
    s->health.cooldown_max_ns = ns_of(o->cooldown_max_ms, DEFAULT_COOLDOWN_MAX_MS);
    return s->value_max <= SIZE_MAX / 8;
}

enum larder_status setup_init(struct setup *s, const char *servers, const struct larder_cache_options *options,
                              char ret_message[LARDER_MESSAGE_MAX]) {
    struct larder_cache_options known = {.size = sizeof(known)};
    enum larder_status status;

    *s = (struct setup){.count = 0};
    if (options != NULL) {
        if (options->size != sizeof(known) && options->size != OPTIONS_SIZE_FIRST) {
            return problem(ret_message, LARDER_ERR_INVALID, SLICE(""),
                           "the options have no size, or one that is unknown");
        }
        memcpy(&known, options, options->size);
    }
    if (!take_options(s, &known)) {
        return problem(ret_message, LARDER_ERR_INVALID, SLICE(""), "the options contradict each other or a ceiling");
    }
    status = take_servers(s, servers, ret_message);
    if (status != LARDER_DONE) {
        setup_fini(s);
        return status;
    }
    process_mark_init(&s->mark);
    return LARDER_DONE;
}

void setup_fini(struct setup *s) {
    memory_free(&s->allocator, s->servers);
    memory_free(&s->allocator, s->order);
    memory_free(&s->allocator, s->seeds);
    memory_free(&s->allocator, s->owners);
    process_mark_fini(&s->mark);
    *s = (struct setup){.count = 0};
}

void setup_log(const struct setup *s, enum larder_log_level level, const char *format, ...) {
    char line[LARDER_MESSAGE_MAX + ADDRESS_TEXT_MAX];
    va_list arguments;

    if (s->log == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    s->log(s->log_ctx, level, line);
}
