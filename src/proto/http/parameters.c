/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/parameters.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/number.h"
#include "proto/http/target.h"

enum kind { KIND_BOOLEAN, KIND_FLAG, KIND_DURATION, KIND_TTL, KIND_COUNT, KIND_BYTES };

static const struct row {
    struct slice name;
    enum kind kind;
    size_t offset; /* of the field in struct http_parameters */
} rows[HTTP_PARAMETER_COUNT] = {
#define PARAMETER(id, name, kind, field)                                                                               \
    [HTTP_PARAMETER_##id] = {{name, sizeof(name) - 1}, KIND_##kind, offsetof(struct http_parameters, field)},
#include "proto/http/parameters.def"
#undef PARAMETER
};

static enum http_parameter find(struct slice name) {
    unsigned i = 0;

    while (i < HTTP_PARAMETER_COUNT && !slice_equal(rows[i].name, name)) {
        i++;
    }
    return i;
}

static bool read_boolean(struct slice value, bool *ret_boolean) {
    bool yes = slice_equal(value, SLICE("true")) || slice_equal(value, SLICE("1"));

    if (!yes && !slice_equal(value, SLICE("false")) && !slice_equal(value, SLICE("0"))) {
        return false;
    }
    *ret_boolean = yes;
    return true;
}

static bool read_flag(struct slice value, bool *ret_flag) {
    if (value.data == NULL) {
        *ret_flag = true;
        return true;
    }
    return read_boolean(value, ret_flag);
}

static bool read_ttl(struct slice value, int64_t *ret_seconds) {
    int64_t ns;

    if (!number_parse_duration(value, &ns) || ns == 0) {
        return false;
    }
    *ret_seconds = ns / CLOCK_NS_PER_S + (ns % CLOCK_NS_PER_S > 0 ? 1 : 0);
    return true;
}

static bool read_count(struct slice value, int64_t *ret_count) {
    int64_t count;

    if (!number_parse_i64(value, &count) || count < 1) {
        return false;
    }
    *ret_count = count;
    return true;
}

/* NULL: it is read; else what is wrong with it. */
static const char *read_value(const struct row *row, struct slice value, struct http_parameters *p) {
    void *field = (char *)p + row->offset;

    switch (row->kind) {
    case KIND_BOOLEAN:
        return read_boolean(value, field) ? NULL : "is neither true nor false";
    case KIND_FLAG:
        return read_flag(value, field) ? NULL : "is neither true nor false";
    case KIND_DURATION:
        return number_parse_duration(value, field) ? NULL : "is not a time like 500ms, 2s or 1m";
    case KIND_TTL:
        return read_ttl(value, field) ? NULL : "is not a time like 60, 60s or 1m, above 0";
    case KIND_COUNT:
        return read_count(value, field) ? NULL : "is not a number, 1 or more";
    default:
        *(struct slice *)field = value;
        return NULL;
    }
}

/* NULL: it is taken. */
static const char *take(struct http_parameters *p, struct slice name, struct slice value) {
    enum http_parameter parameter = find(name);

    if (parameter == HTTP_PARAMETER_COUNT) {
        return "is unknown";
    }
    if (http_parameters_have(p, parameter)) {
        return "was given twice";
    }
    p->given |= UINT32_C(1) << parameter;
    return read_value(&rows[parameter], value, p);
}

bool http_parameters_read(struct slice query, char *place, struct http_parameters *ret_parameters,
                          struct http_parameter_problem *ret_problem) {
    struct http_query q = {.rest = query, .place = place};
    struct http_parameters p = {0};
    struct slice name = SLICE("");
    struct slice value;
    const char *problem = NULL;

    while (problem == NULL) {
        switch (http_query_next(&q, &name, &value)) {
        case HTTP_QUERY_PARAMETER:
            problem = take(&p, name, value);
            break;
        case HTTP_QUERY_END:
            *ret_parameters = p;
            return true;
        case HTTP_QUERY_BAD:
            name = SLICE("%");
            problem = "is not followed by two hexadecimal digits";
            break;
        }
    }
    *ret_problem = (struct http_parameter_problem){.name = name, .text = slice_from_string(problem)};
    return false;
}

enum http_parameter http_parameters_outside(const struct http_parameters *p, uint32_t allowed) {
    uint32_t outside = p->given & ~allowed;

    return outside == 0 ? HTTP_PARAMETER_COUNT : (enum http_parameter)__builtin_ctz(outside);
}

struct slice http_parameter_name(enum http_parameter parameter) {
    return rows[parameter].name;
}
