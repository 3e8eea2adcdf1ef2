/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/session.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/subcommand.h"

enum { WHY_BYTES = 2048 };

static void on_signal(void *ctx, int number) {
    struct session *s = ctx;

    (void)number;
    s->interrupted = true;
    loop_stop(s->loop);
}

static void make_client_config(const struct simulate_config *config, struct etcd_client_config *ret_client) {
    etcd_client_config_init(ret_client);
    ret_client->endpoints = config->endpoints;
    ret_client->endpoint_count = config->endpoint_count;
    ret_client->user = simulate_config_user(config);
    ret_client->password = simulate_config_password(config);
    ret_client->follow_members = !config->fixed_endpoints;
    ret_client->seed = random_os_seed();
    ret_client->request_timeout_ns = config->timeout_ns;
}

static int open_driver(struct session *s) {
    struct etcd_client_config client;
    struct buf why;

    buf_init(&why, WHY_BYTES);
    make_client_config(s->config, &client);
    s->driver = etcd_driver_new(s->loop, &client, &s->config->tls, &why);
    if (s->driver == NULL) {
        fprintf(stderr, SIMULATE_PROGRAM ": %.*s\n", (int)why.size, why.data);
    }
    buf_fini(&why);
    return s->driver == NULL ? EXIT_CODE_USAGE : EXIT_CODE_OK;
}

int session_open(struct session *s, const struct simulate_config *config) {
    int code;

    *s = (struct session){.config = config};
    s->loop = loop_new();
    if (s->loop != NULL) {
        s->signals = signal_watch_new(s->loop, on_signal, s);
    }
    if (s->signals == NULL) {
        fputs(SIMULATE_PROGRAM ": out of memory or descriptors\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    code = open_driver(s);
    if (code == EXIT_CODE_OK) {
        s->client = etcd_driver_client(s->driver);
        etcd_client_start(s->client);
    }
    return code;
}

void session_close(struct session *s) {
    etcd_driver_free(s->driver);
    s->driver = NULL;
    s->client = NULL;
    signal_watch_free(s->signals);
    s->signals = NULL;
    if (s->loop != NULL) {
        loop_free(s->loop);
        s->loop = NULL;
    }
    store_call_fini(&s->call);
}

void session_run(struct session *s) {
    if (!s->interrupted) {
        loop_run(s->loop);
    }
}

void session_stop(struct session *s) {
    loop_stop(s->loop);
}

/* The prefix ends with a slash, so the first key behind all that have it is the prefix with the next byte there. */
struct store_span session_span(const struct session *s, char ret_end[SIMULATE_PREFIX_MAX]) {
    size_t size = strlen(s->config->prefix);

    memcpy(ret_end, s->config->prefix, size + 1);
    ret_end[size - 1] = '/' + 1;
    return (struct store_span){.key = slice_make(s->config->prefix, size), .range_end = slice_make(ret_end, size)};
}

static void on_answer(struct store_call *call) {
    struct session *s = (struct session *)((char *)call - offsetof(struct session, call));

    s->is_asked = false;
    loop_stop(s->loop);
}

bool session_ask(struct session *s, const struct store_op *op, int64_t timeout_ns) {
    store_call_fini(&s->call);
    store_call_init(&s->call, on_answer);
    s->call.op = *op;
    s->call.retry_unknown = true;
    s->call.deadline_ns = clock_monotonic_ns() + timeout_ns;
    s->is_asked = true;
    etcd_kv_submit(s->client, &s->call);
    while (s->is_asked && !s->interrupted) {
        session_run(s);
    }
    return !s->is_asked;
}

int session_exit_code(enum store_status status) {
    switch (status) {
    case STORE_UNAVAILABLE:
    case STORE_TIMEOUT:
    case STORE_UNKNOWN:
        return EXIT_CODE_UNREACHABLE;
    default:
        return EXIT_CODE_SERVER;
    }
}

void session_reason(const struct session *s, enum store_status status, struct buf *why) {
    const char *trouble = etcd_client_trouble(s->client);

    buf_printf(why, "%s%s%s", store_status_text(status), *trouble == '\0' ? "" : ": ", trouble);
    if (session_exit_code(status) == EXIT_CODE_UNREACHABLE) {
        buf_printf(why, "; see if a majority of the members runs (etcdctl endpoint health), and --endpoints");
    } else if (status == STORE_DENIED) {
        buf_printf(why, "; --user names one that may read and write below %s", s->config->prefix);
    } else if (status == STORE_NO_SPACE) {
        buf_printf(why, "; compact and defragment the cluster, then etcdctl alarm disarm");
    }
}

int session_explain(const struct session *s, const char *what, enum store_status status) {
    struct buf why;

    buf_init(&why, WHY_BYTES);
    session_reason(s, status, &why);
    fprintf(stderr, SIMULATE_PROGRAM ": could not %s: %.*s\n", what, (int)why.size, why.data);
    buf_fini(&why);
    return session_exit_code(status);
}
