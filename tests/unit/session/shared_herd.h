/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SESSION_SHARED_HERD_H
#define LARDER_TESTS_SESSION_SHARED_HERD_H

#include "cluster_harness.h"

/* A herd whose nodes all know each other, and what the tests of shared groups say to it. */

static inline int herd_setup(void **state) {
    struct herd *herd = malloc(sizeof(*herd));

    herd_init(herd);
    for (size_t i = 0; i < HERD; i++) {
        herd_join(herd, i);
    }
    herd_change(herd);
    *state = herd;
    return 0;
}

/* The same for much at once, which takes its time under a sanitizer: nobody is given up. */
static inline int herd_setup_patient(void **state) {
    struct herd *herd;

    (void)herd_setup(state);
    herd = *state;
    for (size_t i = 0; i < HERD; i++) {
        herd->beasts[i].shared.timeout_ns = HERD_PATIENCE_MS * CLOCK_NS_PER_MS;
    }
    return 0;
}

static inline int herd_teardown(void **state) {
    herd_fini(*state);
    free(*state);
    return 0;
}

/* What is said is answered so, whenever that is. */
static inline void herd_says(struct herd *herd, size_t i, struct client *c, const char *said, const char *expected) {
    herd_say(herd, i, c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, c));
    buf_append(&c->heard, "", 1);
    assert_string_equal(c->heard.data, expected);
    c->heard.size = 0;
}

static inline void herd_fill(struct herd *herd, size_t through, unsigned count, char mark) {
    struct client c;

    herd_client(herd, through, &c);
    for (unsigned i = 0; i < count; i++) {
        char said[64];

        snprintf(said, sizeof(said), "set k%u 0 0 %zu\r\nk%u%c\r\n", i, (size_t)snprintf(NULL, 0, "k%u", i) + 1, i,
                 mark);
        herd_say(herd, through, &c, said, strlen(said));
    }
    assert_true(herd_run_until(herd, client_is_answered, &c));
    for (size_t at = 0; at < c.heard.size; at += strlen("STORED\r\n")) {
        if (!slice_has_prefix(slice_skip(buf_slice(&c.heard), at), SLICE("STORED\r\n"))) {
            fail_msg("%.*s", (int)(c.heard.size - at > 120 ? 120 : c.heard.size - at), c.heard.data + at);
        }
    }
    assert_int_equal(c.heard.size, count * strlen("STORED\r\n"));
    client_fini(&c);
}

/* One get of all keys; how many of them there are, each with the value it shall have. */
static inline unsigned herd_count_found(struct herd *herd, size_t through, unsigned count, char mark) {
    struct buf said;
    struct client c;
    unsigned found = 0;

    buf_init(&said, 1 << 20);
    buf_printf(&said, "get");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(&said, " k%u", i);
    }
    buf_printf(&said, "\r\n");
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said.data, said.size);
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    assert_true(strstr(c.heard.data, "ERROR") == NULL);
    for (const char *line = c.heard.data; (line = strstr(line, "VALUE ")) != NULL; line++) {
        char key[16];
        char value[16];

        assert_int_equal(sscanf(line, "VALUE %15s 0 %*u\r\n%15s\r\n", key, value), 2);
        assert_int_equal(strncmp(value, key, strlen(key)), 0);
        assert_int_equal(value[strlen(key)], mark);
        found++;
    }
    assert_true(c.heard.size > strlen("END\r\n") &&
                strcmp(c.heard.data + c.heard.size - 1 - strlen("END\r\n"), "END\r\n") == 0);
    client_fini(&c);
    buf_fini(&said);
    return found;
}

#endif
