/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_OTEL_READER_H
#define LARDER_EXPORT_OTEL_READER_H

#include "export/otel_settings.h"

/* Reads single variables; otel_settings.c says which. */
struct otel_reader {
    struct otel_settings *settings;
    otel_lookup_fn *lookup;
    void *lookup_ctx;
    otel_warn_fn *warn;
    void *warn_ctx;
    bool failed; /* no memory */
};

void otel_warn(struct otel_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Without blanks around it; empty: not set. */
struct slice otel_text(struct otel_reader *r, const char *name);

/* "OTEL_EXPORTER_OTLP_<signal>_<what>", or if that is not set "OTEL_EXPORTER_OTLP_<what>". */
struct slice otel_signal_text(struct otel_reader *r, const char *signal, const char *what);

/* True only for "true", in any case. */
bool otel_truth(struct otel_reader *r, const char *name);

/* Milliseconds and counts. */
uint64_t otel_number(struct otel_reader *r, const char *name, uint64_t otherwise, uint64_t min, uint64_t max);

/* A copy in the arena, NUL-terminated: the two, one behind the other. NULL: no memory. */
const char *otel_join(struct otel_reader *r, struct slice a, struct slice b);

/* One pair of "k1=v1,k2=v2", percent-decoded. False: end the list, which is broken. */
typedef bool otel_pair_fn(struct otel_reader *r, void *ctx, struct slice key, struct slice value);

/* False: the list is broken, or `fn` said so. */
bool otel_pairs(struct otel_reader *r, struct slice list, otel_pair_fn *fn, void *ctx);

#endif
