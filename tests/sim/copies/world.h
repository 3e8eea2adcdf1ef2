/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COPIES_WORLD_H
#define LARDER_TESTS_SIM_COPIES_WORLD_H

#include "ring/hot_copies.h"

#include "../clock.h"
#include "../seeds.h"

/* Nodes that share a few keys and give each other copies. The ledger and the shelf are the real ones. What they rest on, the
 * promises of ring/keeper.h, is here in a short form: a store with one list of members and purges, nodes that poll it, act by
 * the newest view they know and only while they have authority, and a key that a new owner does nothing with before the
 * former one has given it up or the lease's time has passed. (tests/sim/ring has the real keeper in it.) */

#define LEASE_NS (400 * SIM_MS) /* of a member's record */
#define COPY_LEASE_NS (100 * SIM_MS)
#define DEADLINE_NS (600 * SIM_MS) /* of a request */
#define POLL_NS (40 * SIM_MS)
#define CLOCK_STEP_NS (2 * SIM_US) /* of the nodes' clocks */
#define RETRY_NS (15 * SIM_MS)

enum { NODES = 5, STORE = NODES, PLACES = NODES + 1, KEYS = 3, NOBODY = -1 };

/* What the store says. */
struct view {
    uint64_t serial; /* of members and purges */
    uint64_t digest; /* of members */
    int64_t purges;
    int64_t members[NODES]; /* incarnations; 0: no member */
};

enum message_kind {
    MESSAGE_POLL,
    MESSAGE_VIEW,
    MESSAGE_ASK, /* a request for a key to its owner */
    MESSAGE_ANSWER,
    MESSAGE_REVOKE,
    MESSAGE_REVOKED,
    MESSAGE_GIVE_UP,
    MESSAGE_GIVEN,
};

enum op_kind { OP_READ, OP_WRITE, OP_DELETE };
enum outcome { OUTCOME_HIT, OUTCOME_MISS, OUTCOME_DONE, OUTCOME_FAILED };

struct message {
    enum message_kind kind;
    int from;
    int to;
    uint64_t from_boot;  /* the process */
    int64_t from_member; /* its incarnation */
    int64_t to_member;
    struct view view; /* VIEW; else only the sender's serial, digest and purges in it */
    size_t key;
    uint64_t id; /* of the request, or the revocation's number */
    enum op_kind op;
    enum outcome outcome;
    uint64_t version; /* of the value; 0: none */
    int64_t left_ns;  /* of its life */
    int64_t sent_ns;  /* by the asker's clock */
    int64_t lease_ns; /* granted */
};

struct entry {
    uint64_t version; /* 0: absent */
    int64_t expires_ns;
};

/* A key of which the node is, or was, the owner. */
struct tenure {
    struct entry entry;
    bool owns;
    bool settled;
    bool lost_settled; /* by the view of `lost_digest` it went to another, and was settled before */
    uint64_t lost_digest;
    int former; /* who had it, and is a member; NOBODY */
    int64_t learned_ns;
};

struct node;

/* A client's request. */
struct op {
    struct op *next;
    uint64_t id;
    enum op_kind kind;
    size_t key;
    uint64_t floor;   /* what was known to everybody when it began */
    int64_t began_ns; /* of the world */
    int64_t deadline_ns;
    int64_t sent_ns;
    uint64_t serial;
    int64_t owner;
    uint64_t sending; /* 0: not under way. Each has a number of its own: what answers an earlier one is no answer */
};

/* A change that the owner makes, or a key that he is to give up. */
struct change {
    struct hot_writer writer; /* first */
    struct change *next;
    uint64_t id;
    struct message asked;
    unsigned tries;
};

struct world;

struct node {
    struct world *world;
    int index;
    bool alive;
    uint64_t boot;
    int64_t incarnation;
    int64_t paused_until;
    int64_t rate; /* thousandths */
    struct view view;
    int64_t digest_ns; /* when its members were learned */
    int64_t authority_ns;
    struct tenure keys[KEYS];
    struct hot_ledger *ledger;
    struct hot_shelf *shelf;
    struct op *ops;
    struct change *changes;
};

struct world {
    struct sim sim;
    size_t count;
    struct node nodes[NODES];
    struct view view; /* the store's */
    int64_t seen_ns[NODES];
    int64_t newest_member[NODES];
    int64_t told[NODES]; /* purges that the member has applied */
    int64_t members;     /* incarnations given out */
    bool cut[PLACES][PLACES];
    unsigned loss;
    unsigned twice;
    unsigned slow;
    bool has_clients;
    int64_t client_pause_ns; /* on the average */
    bool has_trouble;
    bool is_calm; /* nobody waits for a lease to run out */
    unsigned purge_percent;
    uint64_t ids;
    uint64_t versions[KEYS];
    uint64_t floor[KEYS];
    uint64_t purged[KEYS]; /* the version that the newest purge had at the owner */
    int64_t purge_acked;
    int64_t *expires[KEYS]; /* of each version, by the world's clock */
    uint64_t begun;
    uint64_t ended;
    uint64_t failed;
    uint64_t served; /* from shelves */
    uint64_t revoked;
};

/* --- world.c: time, chance, the network --- */

void world_init(struct world *world, uint64_t seed, size_t nodes);
void world_run(struct world *world, int64_t ns);
void world_heal(struct world *world);
void world_fini(struct world *world); /* checks that everything has ended */

void world_send(struct world *world, const struct message *message);

/* --- truth.c: what may be answered --- */

uint64_t truth_version(struct world *world, size_t key, int64_t expires_ns);
void truth_answer(struct world *world, struct op *op, enum outcome outcome, uint64_t version);
void truth_acked(struct world *world, int64_t purge);

/* --- store.c --- */

void store_start(struct world *world);
void store_receive(struct world *world, const struct message *message);
void store_purge(struct world *world);
int view_owner(const struct view *view, size_t key);

/* --- node.c: membership --- */

void node_start(struct node *node);
void node_kill(struct node *node);
int64_t node_now(const struct node *node);
void node_receive(struct node *node, const struct message *message);

/* Runs after so much of the node's time, unless its process has ended. */
void node_after(struct node *node, int64_t ns, void (*run)(struct node *node, uint64_t id), uint64_t id);

/* A message to a node, or the store, with the sender's view in it. */
struct message node_message(struct node *node, enum message_kind kind, int to);
bool node_has_authority(const struct node *node);
bool node_owns(const struct node *node, size_t key);
struct slice key_name(size_t key);
uint64_t key_hash(size_t key);

/* --- owner.c --- */

void owner_serve(struct node *node, const struct message *asked); /* ASK, or a request of its own (from == itself) */
void owner_give_up(struct node *node, const struct message *asked);
void owner_given(struct node *node, const struct message *message);
void owner_revoked(struct node *node, const struct message *message);
void owner_evict(struct node *node, size_t key);
void owner_settle(struct node *node, size_t key);
void owner_clear(struct node *node);

/* --- client.c --- */

void client_begin(struct node *node, enum op_kind kind, size_t key);
void client_answered(struct node *node, const struct message *message);
void client_clear(struct node *node);

#endif
