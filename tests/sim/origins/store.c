/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "ring/membership_pack.h"

/* The store's records under leases and its numbered purges, and cluster/cluster.h: a node's part in that, with the keeper's
 * functions of the control thread. A node asks for everything from time to time, which renews its lease and is the proof of
 * its view, and is told of each change in between. */

/* --- between a node and the store --- */

enum kind { POLL, APPLIED, PURGE, VIEW, ANSWER, PURGED };

struct message {
    enum kind kind;
    int node;
    uint64_t boot;
    int64_t incarnation;
    int64_t number; /* of purges */
    int64_t sent_ns;
    int64_t began_ns;
    size_t prefix;
    uint64_t wait;
    struct snapshot snapshot;
};

/* At the store: somebody wants to know when all have applied it. */
struct purge_wait {
    struct purge_wait *next;
    struct message message;
};

static bool is_cut(int node) {
    return world->cut[node][STORE] || world->cut[STORE][node];
}

static void at_node(struct node *node, void *ctx);
static void at_store(void *ctx);

static void to_store(struct node *node, struct message message) {
    struct message *m = sim_new(sizeof(*m));

    *m = message;
    m->node = node->index;
    m->boot = node->boot;
    m->sent_ns = world_now();
    (void)sim_after(&world->sim, world_delay(), at_store, m);
}

static void to_node(struct message message, int64_t ns) {
    struct node *node = &world->nodes[message.node];
    struct message *m;

    if (node->alive && node->boot == message.boot && !is_cut(message.node)) {
        m = sim_new(sizeof(*m));
        *m = message;
        node_after(node, ns, at_node, m, true);
    }
}

/* --- the store --- */

static void tell_all(void) {
    for (int i = 0; i < (int)world->count; i++) {
        struct node *node = &world->nodes[i];
        int64_t hears_ns = world_now() + world_delay();

        if (node->alive) {
            node->hears_ns = hears_ns > node->hears_ns ? hears_ns : node->hears_ns;
            to_node((struct message){.kind = VIEW, .node = i, .boot = node->boot, .snapshot = world->store},
                    node->hears_ns - world_now());
        }
    }
}

static bool has_been_applied(int64_t number) {
    for (size_t i = 0; i < world->count; i++) {
        if (world->records[i].incarnation != 0 && world->records[i].applied < number) {
            return false;
        }
    }
    return true;
}

static void look_at_purges(void) {
    struct purge_wait **at = &world->purges;

    while (*at != NULL) {
        struct purge_wait *wait = *at;

        if (has_been_applied(wait->message.number)) {
            *at = wait->next;
            wait->message.kind = PURGED;
            to_node(wait->message, world_delay());
            free(wait);
        } else {
            at = &wait->next;
        }
    }
}

static void change_member(int node, int64_t incarnation) {
    world->store.changes++;
    world->store.members[node] = incarnation;
    seeds_trace(&world->sim, "revision %" PRId64 ": node %d is %s", world->store.revision, node,
                incarnation != 0 ? "a member" : "none");
    tell_all();
    look_at_purges();
}

static void expire_record(void *ctx) {
    struct record *r = ctx;

    if (r->incarnation != 0 && world_now() >= r->expires_ns) {
        r->incarnation = 0;
        world->store.revision++;
        change_member((int)(r - world->records), 0);
    }
}

static void renew(struct record *r, int64_t applied) {
    r->expires_ns = world_now() + LEASE_NS;
    r->applied = applied > r->applied ? applied : r->applied;
    (void)sim_after(&world->sim, LEASE_NS, expire_record, r);
}

static void take_poll(const struct message *m) {
    struct record *r = &world->records[m->node];
    struct message answer = *m;

    if (r->incarnation == 0) {
        *r = (struct record){.incarnation = ++world->store.revision, .boot = m->boot, .applied = m->number};
        renew(r, m->number);
        change_member(m->node, r->incarnation);
    } else if (r->boot == m->boot) {
        renew(r, m->number);
    }
    answer.kind = ANSWER;
    answer.incarnation = r->boot == m->boot ? r->incarnation : 0;
    answer.snapshot = world->store;
    to_node(answer, world_delay());
    look_at_purges();
}

static void take_purge(const struct message *m) {
    struct purge_wait *wait = sim_new(sizeof(*wait));

    world->store.purge = ++world->store.revision;
    world->purged = realloc(world->purged, (world->purged_count + 1) * sizeof(*world->purged));
    sim_must(world->purged != NULL);
    world->purged[world->purged_count++] =
        (struct purged){.number = world->store.purge, .began_ns = m->began_ns, .prefix = m->prefix};
    seeds_trace(&world->sim, "purge %" PRId64 " of %s*", world->store.purge, prefix_name(m->prefix).data);
    *wait = (struct purge_wait){.next = world->purges, .message = *m};
    wait->message.number = world->store.purge;
    world->purges = wait;
    tell_all();
    look_at_purges();
}

static void at_store(void *ctx) {
    struct message *m = ctx;
    const struct node *node = &world->nodes[m->node];

    if (node->alive && node->boot == m->boot && !is_cut(m->node)) {
        switch (m->kind) {
        case POLL:
            take_poll(m);
            break;
        case APPLIED:
            if (world->records[m->node].boot == m->boot && world->records[m->node].applied < m->number) {
                world->records[m->node].applied = m->number;
            }
            look_at_purges();
            break;
        default:
            take_purge(m);
            break;
        }
    }
    free(m);
}

void store_fini(void) {
    free(world->purged);
    while (world->purges != NULL) {
        struct purge_wait *wait = world->purges;

        world->purges = wait->next;
        free(wait);
    }
}

/* --- a node --- */

static struct membership *members_of(const struct snapshot *s) {
    static const char *const ids[NODES] = {"n0", "n1", "n2", "n3"};
    struct member list[NODES];
    struct membership *members;
    size_t count = 0;

    for (size_t i = 0; i < NODES; i++) {
        if (s->members[i] != 0) {
            list[count++] = (struct member){
                .id = slice_from_string(ids[i]),
                .address = slice_make(ids[i] + 1, 1),
                .incarnation = s->members[i],
                .algorithm = RING_ALGORITHM,
            };
        }
    }
    sim_must(membership_pack(list, count, s->revision, &members) == LARDER_OK);
    return members;
}

static void make_room(struct node *node) {
    struct keeper *keeper = node->shared.keeper;
    struct keeper_view *view = NULL;

    if (keeper_must_clear(keeper)) {
        shared_sweep_end(&node->sweep);
        table_clear(&node->table);
        keeper_renew(keeper, &view);
        keeper_swept(keeper, view->serial);
        keeper_view_unref(view);
    }
}

static void set_members(struct node *node, bool gap) {
    struct membership *members = members_of(&node->known);

    make_room(node);
    sim_must(keeper_set_membership(node->shared.keeper, members, node->incarnation, gap, world_now()) == LARDER_OK);
    membership_unref(members);
    node_told(node);
}

/* Nothing happens if its deadline has passed before. */
static void end_wait(struct node *node, uint64_t id, bool reached) {
    struct waiting **at = &node->cluster.waits;

    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        struct waiting *waiting = *at;
        struct cluster_wait *wait = waiting->wait;

        *at = waiting->next;
        free(waiting);
        wait->reached = reached;
        wait->done(wait);
    }
}

static void end_refreshes(struct node *node) {
    struct waiting *waiting = node->cluster.waits;

    while (waiting != NULL) {
        struct waiting *next = waiting->next;

        if (!waiting->wait->is_purge && waiting->wait->revision <= node->known.revision) {
            end_wait(node, waiting->id, true);
        }
        waiting = next;
    }
}

static void purge(struct node *node, const struct purged *purged, bool by_watch) {
    char prefix[REQUEST_KEY_MAX];
    int size = snprintf(prefix, sizeof(prefix), "o/%s", prefix_name(purged->prefix).data);
    struct keeper *keeper = node->shared.keeper;
    unsigned group = world->policy->index;

    make_room(node);
    if (by_watch && prefix_name(purged->prefix).size > 0) {
        sim_must(keeper_purge_prefix(keeper, group, slice_make(prefix, (size_t)size), purged->number) == LARDER_OK);
    } else {
        sim_must(keeper_purge(keeper, group, purged->number) == LARDER_OK);
    }
}

static void note(struct node *node, const struct purged *purged) {
    for (size_t key = 0; key < KEYS; key++) {
        if (prefix_has(purged->prefix, key) && purged->began_ns > node->purge_began_ns[key]) {
            node->purge_began_ns[key] = purged->began_ns;
        }
    }
}

/* The watch brings each purge, however late. Who asks sees the newest one alone, and takes it for one of the whole group
 * (cluster/cluster_proof.c). */
static void apply_purges(struct node *node, int64_t number, bool by_watch) {
    for (size_t i = 0; i < world->purged_count; i++) {
        const struct purged *purged = &world->purged[i];

        if (purged->number > node->known.purge && purged->number <= number) {
            note(node, purged);
            if (by_watch || purged->number == number) {
                purge(node, purged, by_watch);
            }
        }
    }
    to_store(node, (struct message){.kind = APPLIED, .number = number});
}

/* Purges come before what else is new. */
static void take_view(struct node *node, const struct snapshot *s, bool by_watch) {
    bool gap = node->known.revision == 0 || s->changes > node->known.changes + 1;

    if (s->revision <= node->known.revision) {
        return;
    }
    if (s->purge > node->known.purge) {
        apply_purges(node, s->purge, by_watch);
    }
    node->known = *s;
    if (node->incarnation != 0 && s->members[node->index] != node->incarnation) {
        node->incarnation = 0;
    }
    set_members(node, gap);
}

static void take_answer(struct node *node, const struct message *m) {
    take_view(node, &m->snapshot, false);
    end_refreshes(node);
    if (m->incarnation != 0 && m->incarnation == node->known.members[node->index]) {
        bool is_new = m->incarnation != node->incarnation;

        node->incarnation = m->incarnation;
        if (is_new) {
            set_members(node, false);
        }
        node->renewed_ns = is_new || m->sent_ns > node->renewed_ns ? m->sent_ns : node->renewed_ns;
    }
    node->proven_ns = m->sent_ns > node->proven_ns ? m->sent_ns : node->proven_ns;
    keeper_set_authority(node->shared.keeper, node->incarnation == 0 ? INT64_MIN : node->renewed_ns, node->proven_ns);
}

static void at_node(struct node *node, void *ctx) {
    const struct message *m = ctx;

    switch (m->kind) {
    case VIEW:
        take_view(node, &m->snapshot, true);
        break;
    case ANSWER:
        take_answer(node, m);
        break;
    default:
        end_wait(node, m->wait, true);
        break;
    }
}

void store_tick(struct node *node) {
    to_store(node, (struct message){.kind = POLL, .number = node->known.purge});
}

void store_end(struct node *node) {
    while (node->cluster.waits != NULL) {
        end_wait(node, node->cluster.waits->id, false);
    }
}

/* --- the header's functions --- */

static void give_up(struct node *node, void *ctx) {
    end_wait(node, *(uint64_t *)ctx, false);
}

static uint64_t add_wait(struct cluster *c, struct cluster_wait *wait) {
    struct waiting *waiting = sim_new(sizeof(*waiting));
    uint64_t *id = sim_new(sizeof(*id));

    *waiting = (struct waiting){.next = c->waits, .id = ++world->ids, .wait = wait};
    c->waits = waiting;
    *id = waiting->id;
    node_after(c->node, wait->deadline_ns - world_now(), give_up, id, true);
    return waiting->id;
}

void cluster_refresh(struct cluster *c, struct cluster_wait *wait) {
    (void)add_wait(c, wait);
    store_tick(c->node);
}

void cluster_purge(struct cluster *c, struct cluster_wait *wait) {
    const struct op *op = world->ops; /* the newest: whose purge it is */
    uint64_t id = add_wait(c, wait);

    sim_must(slice_equal(slice_make(wait->prefix, wait->prefix_size), prefix_name(op->prefix)));
    to_store(c->node, (struct message){.kind = PURGE, .wait = id, .began_ns = op->began_ns, .prefix = op->prefix});
}
