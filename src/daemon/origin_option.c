/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/origin_option.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/option_value.h"
#include "origin/entry.h"
#include "proto/http/chars.h"

/* Bounds of the values. */
#define LIFE_MOST_NS ((uint64_t)GROUP_TTL_MAX * (uint64_t)CLOCK_NS_PER_S)
#define TIMEOUT_LEAST_NS (UINT64_C(10) * CLOCK_NS_PER_MS)
#define TIMEOUT_MOST_NS (UINT64_C(3600) * CLOCK_NS_PER_S)

static void set_url(struct group_origin *origin, const struct ini_line *line, struct place place,
                    struct diagnostics *d) {
    struct slice url = line->value;
    const char *problem = group_origin_url_problem(url);

    if (problem != NULL) {
        diagnostics_mistake(d, place, "origin %s", problem);
        return;
    }
    while (url.data[url.size - 1] == '/') { /* one is put before the rest of the key */
        url.size--;
    }
    memcpy(origin->url, url.data, url.size);
    origin->url_size = (uint16_t)url.size;
}

static void set_ca(struct group_origin *origin, const struct ini_line *line, struct place place,
                   struct diagnostics *d) {
    struct slice path = line->value;

    if (path.size == 0 || path.size >= sizeof(origin->ca)) {
        diagnostics_mistake(d, place, "origin-ca names no file, or has more than %d bytes",
                            (int)GROUP_ORIGIN_CA_MAX - 1);
        return;
    }
    memcpy(origin->ca, path.data, path.size);
    origin->ca[path.size] = '\0';
    if (access(origin->ca, R_OK) != 0) {
        diagnostics_mistake(d, place, "origin-ca = %s: %s", origin->ca, strerror(errno));
    }
}

static void set_life(const char *name, const struct ini_line *line, struct place place, struct diagnostics *d,
                     int64_t *field_ms) {
    uint64_t ns;

    if (option_read_duration(name, line->value, 0, LIFE_MOST_NS, place, d, &ns)) {
        *field_ms = (int64_t)(ns / (uint64_t)CLOCK_NS_PER_MS);
    }
}

static void set_timeout(struct group_origin *origin, const struct ini_line *line, struct place place,
                        struct diagnostics *d) {
    uint64_t ns;

    if (option_read_duration("origin-timeout", line->value, TIMEOUT_LEAST_NS, TIMEOUT_MOST_NS, place, d, &ns)) {
        origin->timeout_ns = (int64_t)ns;
    }
}

static void set_connections(struct group_origin *origin, const struct ini_line *line, struct place place,
                            struct diagnostics *d) {
    uint64_t count;

    if (option_read_count("origin-connections", line->value, 1, GROUP_ORIGIN_CONNECTIONS_MAX, place, d, &count)) {
        origin->connections = (unsigned)count;
    }
}

static bool check_field(struct slice name, struct place place, struct diagnostics *d) {
    char escaped[SLICE_ESCAPED_MAX];

    if (http_span(name, HTTP_CHARS_TOKEN) != name.size) {
        diagnostics_mistake(d, place, "headers: \"%s\" is no name of a header field", slice_escape(name, escaped));
        return false;
    }
    return true;
}

static void set_fields(struct group_origin *origin, const struct ini_line *line, struct place place,
                       struct diagnostics *d) {
    struct slice list = line->value;
    struct slice name;
    unsigned count = 0;
    size_t size = 0;

    while (http_list_next(&list, &name)) {
        if (!check_field(name, place, d)) {
            return;
        }
        if (++count > GROUP_ORIGIN_FIELDS_MAX || size + name.size + 1 > sizeof(origin->fields)) {
            diagnostics_mistake(d, place, "headers has more than %d names, or more than %d bytes",
                                (int)GROUP_ORIGIN_FIELDS_MAX, (int)GROUP_ORIGIN_FIELDS_SIZE);
            return;
        }
        memcpy(origin->fields + size, name.data, name.size);
        origin->fields[size + name.size] = ',';
        size += name.size + 1;
    }
    origin->fields_size = (uint16_t)size;
}

void origin_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                       struct place place, struct diagnostics *d) {
    struct group_origin *origin = &policy->origin;

    switch (option) {
    case GROUP_OPTION_ORIGIN:
        set_url(origin, line, place, d);
        break;
    case GROUP_OPTION_ORIGIN_CA:
        set_ca(origin, line, place, d);
        break;
    case GROUP_OPTION_ABSENT_TTL:
        set_life("absent-ttl", line, place, d, &origin->answers.absent_ttl_ms);
        break;
    case GROUP_OPTION_ERROR_TTL:
        set_life("error-ttl", line, place, d, &origin->answers.error_ttl_ms);
        break;
    case GROUP_OPTION_MARKER_TTL:
        set_life("marker-ttl", line, place, d, &origin->answers.marker_ttl_ms);
        break;
    case GROUP_OPTION_STALE_WHILE_REVALIDATE:
        set_life("stale-while-revalidate", line, place, d, &origin->answers.while_revalidate_ms);
        break;
    case GROUP_OPTION_STALE_IF_ERROR:
        set_life("stale-if-error", line, place, d, &origin->answers.if_error_ms);
        break;
    case GROUP_OPTION_KEEP:
        set_life("keep", line, place, d, &origin->answers.keep_ms);
        break;
    case GROUP_OPTION_ORIGIN_TIMEOUT:
        set_timeout(origin, line, place, d);
        break;
    case GROUP_OPTION_ORIGIN_CONNECTIONS:
        set_connections(origin, line, place, d);
        break;
    case GROUP_OPTION_HEADERS:
        set_fields(origin, line, place, d);
        break;
    default:
        break;
    }
}
