/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_ZIPF_H
#define LARDER_BENCH_MISSRATIO_ZIPF_H

#include "load.h"

/* What is mixed into the Zipf requests. */
enum zipf_mix {
    ZIPF_PLAIN,
    ZIPF_SCAN,       /* after every 10,000 requests, 5,000 objects that are asked for once and never again */
    ZIPF_SCAN_TWICE, /* the same, but each scanned object is asked for twice, one right after the other */
    ZIPF_DRIFT,      /* popularity moves: every 10 requests all objects go up one rank and a new one comes in last */
    ZIPF_PAIRS,      /* half of the requests are for new objects, asked for again 2,000 requests later, then never */
    ZIPF_MIXES
};

/* The name that follows "zipf:A+" on the command line; "" for ZIPF_PLAIN. */
const char *zipf_mix_name(enum zipf_mix mix);

/*
 * Fills *ret_load (the caller calls load_fini) with `requests` Zipf requests, plus those of the mix, of unit size over
 * `objects` objects: the object of rank k comes with a probability proportional to k^-alpha. The same arguments always
 * give the same load.
 */
void zipf_make(double alpha, enum zipf_mix mix, uint32_t objects, uint32_t requests, struct load *ret_load);

#endif
