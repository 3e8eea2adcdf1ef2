/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_TRACE_H
#define LARDER_BENCH_MISSRATIO_TRACE_H

#include "load.h"

/*
 * Reads a block trace in CSV, plain or gzip, with the columns version,time,op,size,lbn: `lbn` is the object, `size` its
 * bytes, op 2a a write and anything else a read. A first line that begins with "version" is skipped.
 *
 * On success fills *ret_load (the caller calls load_fini) and returns true. Otherwise writes the reason with file and
 * line to stderr, leaves *ret_load alone and returns false: the file cannot be read, a line cannot be parsed, or there
 * is no request in it.
 */
bool trace_read(const char *path, bool unit_sizes, struct load *ret_load);

#endif
