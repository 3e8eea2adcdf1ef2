/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_PARAMETERS_H
#define LARDER_PROTO_HTTP_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The query of a request for a key or a group, understood: "use_cache=false&max_stale=500ms". */

enum http_parameter {
#define PARAMETER(id, name, kind, field) HTTP_PARAMETER_##id,
#include "proto/http/parameters.def"
#undef PARAMETER
    HTTP_PARAMETER_COUNT
};

/* The bit of a parameter, for sets of them. */
#define HTTP_PARAMETER_BIT(id) (UINT32_C(1) << HTTP_PARAMETER_##id)

/* A field says something only if its parameter was given. */
struct http_parameters {
    uint32_t given; /* bits */
    bool use_cache;
    bool values;
    bool watch;
    int64_t max_stale_ns;
    int64_t min_revision;
    int64_t revision;
    int64_t ttl;
    int64_t limit;
    struct slice prefix;
    struct slice after;
};

static inline bool http_parameters_have(const struct http_parameters *p, enum http_parameter parameter) {
    return (p->given >> parameter & 1) != 0;
}

/* Why a query is not understood. */
struct http_parameter_problem {
    struct slice name; /* of the parameter, decoded */
    struct slice text; /* static: "is unknown" */
};

/* Reads a raw query, which may be empty. The slices of the result lie in `place`, which has room for query.size bytes.
 * False: *ret_problem says of what parameter, and what is wrong with it (unknown, twice, a value that is none). */
bool http_parameters_read(struct slice query, char *place, struct http_parameters *ret_parameters,
                          struct http_parameter_problem *ret_problem);

/* The first, in the order of parameters.def, of the given ones that is not in `allowed`; HTTP_PARAMETER_COUNT: there is
 * none. */
enum http_parameter http_parameters_outside(const struct http_parameters *p, uint32_t allowed);

/* Its name, static. */
struct slice http_parameter_name(enum http_parameter parameter);

#endif
