/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_SESSION_H
#define LARDER_CLI_SIMULATE_SESSION_H

#include "cli/simulate/config.h"
#include "net/loop.h"
#include "net/signal.h"
#include "store/etcd/driver.h"
#include "store/etcd/kv.h"

/* A cluster, asked from this thread. The parts of the experiment follow each other: each hands calls in, runs the loop until
 * it has what it wants or is interrupted, and goes on. */
struct session {
    const struct simulate_config *config;
    struct loop *loop;
    struct signal_watch *signals;
    struct etcd_driver *driver;
    struct etcd_client *client;
    struct store_call call; /* of session_ask */
    bool is_asked;
    bool interrupted; /* by SIGINT or SIGTERM: it is over */
};

/* The client connects. Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int session_open(struct session *s, const struct simulate_config *config);

/* Calls under way end, and are told so (CLOSED). Also after session_open has failed; twice is fine. */
void session_close(struct session *s);

/* Runs the loop until session_stop or an interrupt. */
void session_run(struct session *s);
void session_stop(struct session *s);

/* The keys below the prefix. */
struct store_span session_span(const struct session *s, char ret_end[SIMULATE_PREFIX_MAX]);

/* Asks one thing, up to `timeout_ns`, and waits for the answer, which stays in s->call until the next one. False: it was
 * interrupted. */
bool session_ask(struct session *s, const struct store_op *op, int64_t timeout_ns);

/* Says that the cluster did not do `what` ("count the keys"), why, and what to do. Returns the exit code for it. */
int session_explain(const struct session *s, const char *what, enum store_status status);

/* Writes why it may be to `why`, in a sentence. */
void session_reason(const struct session *s, enum store_status status, struct buf *why);

/* Of something that ended with a status other than OK. */
int session_exit_code(enum store_status status);

#endif
