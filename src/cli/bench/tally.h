/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TALLY_H
#define LARDER_CLI_BENCH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct pending;
struct worker;

/* Counts the answer to a request of the mix, unless it began or ended while nothing is measured. `hits` are the values
 * that a get brought. */
void tally_answer(struct worker *worker, const struct pending *pending, uint64_t hits);

/* The same for an answer that refuses or complains, in the words of `text`. */
void tally_error(struct worker *worker, const struct pending *pending, struct slice text);

/* Checks the size of a value that was got. After a prefill the sizes are known; without one the values may be
 * anybody's. */
void tally_value(struct worker *worker, const struct pending *pending, uint64_t size);

/* Copies text of a server for a report, without what could steer a terminal. */
void tally_copy_text(struct slice text, char *ret_text, size_t room);

#endif
