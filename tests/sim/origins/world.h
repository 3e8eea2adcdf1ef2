/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_ORIGINS_WORLD_H
#define LARDER_TESTS_SIM_ORIGINS_WORLD_H

#include <inttypes.h>

#include "group/hot_node.h"
#include "group/origin_internal.h"
#include "group/shared.h"
#include "ring/keeper.h"

#include "../clock.h"
#include "../seeds.h"

/* Nodes that share the keys of an origin group, and the origin. What runs is the real thing: the groups of origins and what
 * makes them shared (group/), the judge (origin/), the table, the keeper and its errands. What they rest on is put in its
 * place when the program is linked, function by function: the clocks, the fetcher of net/fetch.h (server.c, fetch.c), the
 * links between nodes of peer/peers.h (links.c), and the cluster's machine (store.c), whose store, watches and leases are
 * here in a short form (tests/sim/ring has them at length). */

#define LEASE_NS (500 * SIM_MS) /* of a node's record */
#define HANDOFF_NS (2 * LEASE_NS)
#define PEER_TIMEOUT_NS (200 * SIM_MS)
#define ORIGIN_TIMEOUT_NS (400 * SIM_MS)
#define SLACK_NS (3 * SIM_MS) /* entries know milliseconds */
#define COPY_LEASE_NS (150 * SIM_MS)
#define QUEUE_DELAY_NS (300 * SIM_US)

enum { NODES = 4, STORE = NODES, PLACES = NODES + 1, WORKERS = 2, KEYS = 6, BODY_MAX = 6000, LARGEST = 8000 };

/* The last key's answers are for nobody else, when there is one such. */
enum { PRIVATE_KEY = KEYS - 1 };

enum { PREFIXES = 7 };

/* --- the origin --- */

/* What it says of a key from some moment on. */
struct version {
    unsigned status;
    size_t size;    /* of the body */
    int64_t life_s; /* max-age, or s-maxage; -1: it says nothing */
    bool shared_age;
    int64_t age_s;
    int64_t while_revalidate_s; /* -1: nothing */
    int64_t if_error_s;
    bool must_revalidate;
    bool no_cache;
    bool no_store;
    bool has_etag;
    bool is_weak;
    bool has_date; /* Last-Modified */
};

/* A request to it. */
struct load {
    size_t key;
    int node;
    uint64_t boot;
    uint64_t serial; /* of the view by which the node asked */
    bool aside;
    bool alone;      /* nobody else waits for it */
    bool not_stored; /* the one who asked wants that */
    int64_t asked_ns;
    int64_t made_ns;  /* when the origin had it; 0: it never did */
    int64_t head_ns;  /* when the head was there */
    int64_t ended_ns; /* 0: it is under way */
    bool good;        /* an answer came, whole, and one that can be true */
    bool our_own;     /* it ended with a fault of this node */
    unsigned status;
    uint64_t version;
    bool renews; /* 304 */
    unsigned given;
    const struct origin_flight *flight; /* while it is under way */
};

/* A value that a client wrote. */
struct primed {
    size_t key;
    int64_t began_ns;
    int64_t ended_ns; /* INT64_MAX: nobody was told that it was done */
    int64_t life_ns;
};

struct key {
    struct version *versions;
    uint64_t version; /* the newest, from 1 on */
    int64_t floor_ns; /* what was asked for before, or written and acknowledged before, is over */
    int64_t seen_ns;  /* when the newest answer was asked for that somebody got out of the table */
};

/* --- nodes --- */

/* What the store says. */
struct snapshot {
    int64_t revision;
    int64_t changes;        /* of the membership */
    int64_t purge;          /* number of the newest; there is one group */
    int64_t members[NODES]; /* incarnations; 0: no member */
};

/* A purge that it has recorded. */
struct purged {
    int64_t number;
    int64_t began_ns;
    size_t prefix; /* some_prefix */
};

struct record {
    int64_t incarnation; /* 0: there is none */
    uint64_t boot;
    int64_t applied;
    int64_t expires_ns;
};

/* What waits at a node for its control thread. */
struct waiting {
    struct waiting *next;
    uint64_t id;
    struct cluster_wait *wait;
};

struct cluster {
    struct node *node;
    struct waiting *waits;
};

/* A request to another node. */
struct call {
    struct call *next;
    uint64_t id;
    int to;
    uint64_t to_boot;
    pipeline_done_fn *done;
    void *ctx;
};

struct peers {
    struct worker *worker;
    struct membership *members;
    struct call *calls;
    int64_t arrives_ns[NODES]; /* the last one; over one link nothing overtakes */
    unsigned to_worker[NODES];
};

enum { LINKS = 3 };

struct worker {
    struct node *node;
    unsigned index;
    struct pending_queue queue;
    struct shared_worker shared; /* with a sketch of its own, if there are copies */
    struct origin_worker origin;
    struct worker_telemetry telemetry;
    struct peers links[LINKS];
};

struct node {
    struct world *world;
    int index;
    bool alive;
    uint64_t boot;
    int64_t paused_until;
    struct table table;
    const struct group_set *groups;
    struct origin origin;
    struct shared shared;
    struct shared_sweep sweep;
    struct cluster cluster;
    struct worker workers[WORKERS];
    /* The control thread. */
    struct snapshot known;
    int64_t incarnation;
    int64_t renewed_ns;
    int64_t proven_ns;
    int64_t hears_ns;             /* of the watch: what comes does not overtake */
    int64_t purge_began_ns[KEYS]; /* the latest of those it has applied */
    int64_t floor_ns[KEYS];       /* of those that were acknowledged, too */
};

/* --- clients --- */

enum op_kind { OP_READ, OP_SET, OP_DELETE, OP_PURGE };

struct op {
    struct op *next;
    uint64_t id;
    enum op_kind kind;
    size_t key;
    size_t prefix; /* of what is purged */
    struct node *node;
    uint64_t boot;
    int64_t began_ns;
    int64_t floor_ns;             /* of the key, when it began */
    int64_t node_floor_ns[NODES]; /* of the nodes, likewise: for what they ask aside */
    int64_t seen_ns;              /* of the key, likewise */
    bool is_plain;
    struct freshness freshness;
    struct http_caching_request caching;
    uint64_t primed;
    struct pending *pending;
};

struct world {
    struct sim sim;
    size_t count;
    struct node nodes[NODES];
    struct group_set *groups;
    const struct group_policy *policy;
    struct record records[NODES];
    struct snapshot store;
    struct purged *purged; /* by the store */
    size_t purged_count;
    struct purge_wait *purges; /* of the store */
    bool cut[PLACES][PLACES];
    struct key keys[KEYS];
    struct load *loads; /* by their numbers, from 1 on */
    uint64_t load_count;
    struct primed *primes;
    uint64_t prime_count;
    struct op *ops;
    uint64_t ids;
    int64_t origin_down_until;
    int64_t turned_away_ns; /* when the fetcher last took no request */
    uint64_t begun;
    uint64_t ended;
    uint64_t failed; /* reads without an answer */
    uint64_t hits;
    struct hot_node_counts copies; /* sums over the processes that have ended */
    /* The weather. */
    bool has_clients;
    bool has_trouble;
    bool changes_owners; /* nodes come and go, or are cut off */
    bool is_steady;      /* one node, and reads alone */
    bool is_calm;        /* the origin answers, all links hold, and reads alone are asked, with no wishes */
    bool sweeps_late;    /* nodes look after their tables rarely */
    unsigned bad_origin; /* percent of its answers */
    unsigned loss;       /* percent of what nodes ask each other */
    unsigned wishes;     /* percent of reads */
    bool is_fickle;      /* the origin: what is for all and old at once becomes what is for one, and back */
    unsigned changes;    /* percent of requests */
    bool has_private;    /* PRIVATE_KEY is one */
    bool has_copies;     /* every key is hot */
    int64_t client_pause_ns;
};

/* The one that is run. */
extern struct world *world;

/* --- world.c --- */

void world_init(struct world *w, uint64_t seed, size_t nodes);
void world_start(void);
void world_run(int64_t ns);
void world_heal(void);
void world_fini(void); /* checks that everything has ended, and that nothing is held any more */

int64_t world_now(void);
int64_t world_delay(void); /* of a message */

/* --- server.c: what the origin says --- */

void server_init(void);
void server_change(size_t key);
const struct version *server_version(size_t key, uint64_t version);

struct slice key_name(size_t key);
size_t key_of_url(struct slice url);

/* What keys of the group may begin with; of no bytes: all of them. */
struct slice prefix_name(size_t prefix);
bool prefix_has(size_t prefix, size_t key);

/* The body, the validators and the time of a version; into `place`, which has room for them. */
struct slice server_body(const struct load *load, uint64_t number, char place[LARGEST]);
struct slice server_etag(size_t key, uint64_t version, char place[32]);
struct slice server_date(size_t key, uint64_t version, char place[32]);
size_t server_fields(const struct load *load, uint64_t number, struct fetch_field *fields, char place[512]);

/* --- fetch.c --- */

const struct load *load_of(uint64_t number);

/* --- links.c --- */

void links_init(struct worker *worker);
void links_end(struct worker *worker);
void links_break(struct worker *worker);
void links_lose(const struct node *gone);

/* --- store.c --- */

void store_tick(struct node *node);
void store_end(struct node *node); /* of its waits */
void store_fini(void);

/* --- node.c --- */

void node_start(struct node *node);
void node_kill(struct node *node);

/* Runs after so long, or when the node is not paused any more, unless its process has ended: then `ctx` alone is freed if `owns`. */
void node_after(struct node *node, int64_t ns, void (*run)(struct node *node, void *ctx), void *ctx, bool owns);

/* A request on a worker, of a client or a peer. */
void node_request(struct worker *worker, const struct request *request, struct reply *reply);
void worker_rest(struct worker *worker);
struct shared_access worker_access(struct worker *worker, const struct group_policy *policy);
void node_told(struct node *node); /* the keeper has something new */

/* --- client.c --- */

void client_begin(void);
void client_leave(struct node *node); /* the node has ended: nobody is told any more */

/* --- truth.c, truth_*.c: what may be answered --- */

void truth_begin(struct op *op);
void truth_answer(struct op *op, const struct reply *reply);
void truth_asks(const struct load *load); /* the origin, before the load is under way */

#endif
