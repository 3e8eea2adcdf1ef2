/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of test_library_etcd.py have in common. */
#ifndef LIBRARY_ETCD_H
#define LIBRARY_ETCD_H

#include <larder/etcd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

/* `message` is a text that says more. */
#define EXPECT_WITH(condition, message)                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, (message));                            \
            failed = 1;                                                                                                \
        }                                                                                                              \
    } while (0)
#define EXPECT(condition) EXPECT_WITH(condition, result.message)

static inline void on_log(void *ctx, enum larder_log_level level, const char *line) {
    (void)ctx;
    fprintf(stderr, "%s %s\n", level == LARDER_LOG_WARNING ? "warning" : "info", line);
}

/* A client of what the environment says: the endpoints are given, LARDER_CA and so on are optional. */
static inline struct larder_etcd *open_client(const char *endpoints) {
    struct larder_etcd_options options = {
        .size = sizeof(options),
        .user = getenv("LARDER_USER"),
        .password = getenv("LARDER_PASSWORD"),
        .ca = getenv("LARDER_CA"),
        .certificate = getenv("LARDER_CERTIFICATE"),
        .key = getenv("LARDER_KEY"),
        .log = on_log,
    };
    struct larder_etcd *client = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_new(endpoints, &options, &client, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    return client;
}

/* Tells the test, and waits until it says to go on. */
static inline void say(const char *word) {
    puts(word);
    fflush(stdout);
}

static inline void await_word(void) {
    if (getchar() == EOF) {
        exit(3);
    }
}

#endif
