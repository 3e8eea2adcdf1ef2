/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t timeval_ns(struct timeval t) {
    return (uint64_t)t.tv_sec * (uint64_t)CLOCK_NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

static void sample_cpu(struct telemetry_samples *samples) {
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        samples->values[SAMPLE_PROCESS_CPU] = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    }
}

static void sample_memory(struct telemetry_samples *samples) {
    unsigned long long resident_pages;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%*u %llu", &resident_pages) == 1) {
        samples->values[SAMPLE_PROCESS_RSS] = resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    fclose(file);
}

static void sample_descriptors(struct telemetry_samples *samples) {
    DIR *directory = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t count = 0;

    if (directory != NULL) {
        for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
            count += entry->d_name[0] != '.';
        }
        closedir(directory);
        /* The directory itself was open while it was read. */
        samples->values[SAMPLE_PROCESS_FDS] = count - 1;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        samples->values[SAMPLE_PROCESS_MAX_FDS] = limit.rlim_cur;
    }
}

void telemetry_sample_process(struct telemetry_samples *samples) {
    sample_cpu(samples);
    sample_memory(samples);
    sample_descriptors(samples);
}
