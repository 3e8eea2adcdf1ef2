/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_PROCESS_H
#define LARDER_CLI_BENCH_PROCESS_H

#include <stdint.h>

#include "base/error.h"

/* The processor time that the process and all its living threads have used, in nanoseconds: from the scheduler's own
 * count (/proc/PID/task/.../schedstat) where the kernel keeps one, else from the ticks of /proc/PID/stat (10 ms).
 * Errors: NOT_FOUND (no such process, or it may not be looked at). */
enum larder_error process_cpu_ns(uint64_t pid, uint64_t *ret_ns);

/* The memory of the process that is resident, in bytes. Errors: NOT_FOUND. */
enum larder_error process_resident(uint64_t pid, uint64_t *ret_bytes);

/* Resident memory by its kind, in bytes. */
struct process_memory {
    uint64_t resident;  /* all of it */
    uint64_t anonymous; /* the process's own */
    uint64_t file;      /* pages of files, which the kernel may take away; shared memory too */
};

/* Errors: NOT_FOUND. */
enum larder_error process_memory(uint64_t pid, struct process_memory *ret_memory);

#endif
