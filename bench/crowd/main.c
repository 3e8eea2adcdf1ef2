/* SPDX-License-Identifier: Apache-2.0 */
/* Many clients that ask for the same thing at the same moment. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/number.h"
#include "crowd.h"

enum { ENDPOINTS_MAX = 64, CLIENTS_MAX = 100000, REQUEST_MAX = 4096 };

static const int64_t timeout_ns = 30 * CLOCK_NS_PER_S;

static const char usage[] = "usage: crowd CLIENTS HOST:PORT[,HOST:PORT...] TARGET...\n"
                            "\n"
                            "Connects so many clients to the servers by turns. Then, for one target after the other, "
                            "each of them sends a GET and\n"
                            "waits for the answer, at most 30 s. One JSON object a target, times in milliseconds from "
                            "before the first request.\n"
                            "\n"
                            "Exit codes: 0 all was answered with 200, 1 it was not, 2 the arguments make no sense.\n";

static int complain(const char *what, const char *why) {
    fprintf(stderr, "crowd: %s: %s\n", what, why);
    return 1;
}

/* 0, or the exit code. */
static int parse_endpoints(char *list, struct endpoint *ret_endpoints, size_t *ret_count) {
    size_t count = 0;

    for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
        struct address address;
        const char *reason = "too many";

        if (count == ENDPOINTS_MAX || !address_parse(slice_from_string(word), &address, &reason)) {
            complain(word, reason);
            return 2;
        }
        if (endpoint_local(&address, &ret_endpoints[count++]) != LARDER_OK) {
            complain(word, "not a numeric address");
            return 2;
        }
    }
    *ret_count = count;
    return count == 0 ? 2 : 0;
}

/* A connection is a file. */
static void allow_files(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* too few will show when it connects */
    }
}

static double ms(int64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_MS;
}

static int ask(struct crowd *crowd, const char *target) {
    struct crowd_round round;
    char request[REQUEST_MAX];
    int size = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    enum larder_error error;

    if (size < 0 || (size_t)size >= sizeof(request)) {
        return complain(target, "too long");
    }
    error = crowd_ask(crowd, request, (size_t)size, timeout_ns, &round);
    if (error != LARDER_OK) {
        return complain(target, error == LARDER_ERROR_IO ? strerror(errno) : larder_error_text(error));
    }
    printf("{\"target\": \"%s\", \"answered\": %zu, \"wrong\": %zu, \"bytes\": %" PRIu64
           ", \"sent_ms\": %.3f, \"first_ms\": %.3f, \"median_ms\": %.3f, \"slowest_ms\": %.3f}\n",
           target, round.answered, round.wrong, round.bytes, ms(round.sent_ns), ms(round.first_ns), ms(round.median_ns),
           ms(round.slowest_ns));
    return round.wrong == 0 ? 0 : complain(target, "not all were answered with 200");
}

int main(int count, char **words) {
    struct endpoint endpoints[ENDPOINTS_MAX];
    struct crowd *crowd;
    uint64_t clients;
    size_t servers;
    int code;
    enum larder_error error;

    if (count < 4 || !number_parse_u64(slice_from_string(words[1]), &clients) || clients < 1 || clients > CLIENTS_MAX) {
        fputs(usage, stderr);
        return 2;
    }
    code = parse_endpoints(words[2], endpoints, &servers);
    if (code != 0) {
        return code;
    }
    allow_files();
    error = crowd_new(endpoints, servers, clients, &crowd);
    if (error != LARDER_OK) {
        return complain("cannot connect", error == LARDER_ERROR_IO ? strerror(errno) : larder_error_text(error));
    }
    for (int i = 3; code == 0 && i < count; i++) {
        code = ask(crowd, words[i]);
    }
    crowd_free(crowd);
    return code;
}
