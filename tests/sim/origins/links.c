/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* peer/peers.h: what nodes ask each other. Over one link nothing overtakes on the way there, and who asks in vain learns that
 * nothing has left (REFUSED), that it may have been done (CLOSED), or nothing until its deadline. */

static bool is_cut(int a, int b) {
    return world->cut[a][b] || world->cut[b][a];
}

static struct call *find(struct peers *peers, uint64_t id) {
    struct call *call = peers->calls;

    while (call != NULL && call->id != id) {
        call = call->next;
    }
    return call;
}

static void end(struct peers *peers, struct call *call, enum larder_error error, const struct answer *answer) {
    struct call **at = &peers->calls;

    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    call->done(call->ctx, error, answer);
    free(call);
}

/* --- an answer --- */

/* Of a call, on either side. */
struct letter {
    struct peers *peers;
    uint64_t id;
    int from;
    uint64_t from_boot;
    int to;
    uint64_t to_boot;
    unsigned worker;
    enum larder_error error;
    struct request request;
    struct peer_stamp stamp;
    struct http_caching_request caching;
    char key[REQUEST_KEY_MAX];
    struct reply reply;
    size_t size; /* of `value` */
    char value[];
};

static void ended(struct node *node, void *ctx) {
    struct letter *letter = ctx;
    struct call *call = find(letter->peers, letter->id);

    (void)node;
    if (call != NULL) {
        end(letter->peers, call, letter->error, NULL);
        worker_rest(letter->peers->worker);
    }
}

static void answered(struct node *node, void *ctx) {
    struct letter *letter = ctx;
    struct call *call = find(letter->peers, letter->id);
    struct answer answer = {.reply = letter->reply};

    if (call == NULL || is_cut(node->index, letter->to)) {
        return;
    }
    if (answer.reply.item.value.data != NULL) {
        answer.reply.item.value = slice_make(letter->value, letter->size);
    }
    end(letter->peers, call, LARDER_OK, &answer);
    worker_rest(letter->peers->worker);
}

/* The letter goes back with what the reply says; the other node's process may have ended meanwhile. */
static void send_back(struct letter *asked, struct reply *reply) {
    struct slice value = reply->item.value;
    size_t size = value.data != NULL ? value.size : 0;
    struct letter *letter = sim_new(sizeof(*letter) + size);
    struct node *node = &world->nodes[asked->from];

    *letter = *asked;
    letter->reply = *reply;
    letter->reply.item.blob = NULL;
    letter->reply.held = NULL;
    letter->reply.release = NULL;
    letter->reply.pending = NULL;
    letter->size = size;
    if (size > 0) {
        memcpy(letter->value, value.data, size);
    }
    reply_release(reply);
    if (node->alive && node->boot == asked->from_boot && world->nodes[asked->to].alive) {
        node_after(node, world_delay(), answered, letter, true);
    } else {
        free(letter);
    }
}

static void on_reply(void *owner, struct reply *reply) {
    struct letter *letter = owner;

    send_back(letter, reply);
    free(letter);
}

/* --- a request --- */

static void serve(struct node *node, struct letter *letter) {
    struct worker *worker = &node->workers[letter->worker];
    struct reply reply = {0};

    node_request(worker, &letter->request, &reply);
    if (reply.result == RESULT_PENDING) {
        pending_await(reply.pending, on_reply, letter);
    } else {
        on_reply(letter, &reply);
    }
    worker_rest(worker);
}

/* Of who asks, whose name the receiver knows. */
static int64_t incarnation_of(const struct node *node, const struct letter *letter) {
    const struct keeper_view *view = node->workers[letter->worker].shared.view;
    char address = (char)('0' + letter->from);

    for (size_t i = 0; view != NULL && i < view->members->count; i++) {
        if (view->members->members[i].address.data[0] == address) {
            return view->members->members[i].incarnation;
        }
    }
    return 0;
}

static void deliver(struct node *node, void *ctx) {
    const struct letter *arrived = ctx;
    struct letter *letter;

    if (is_cut(node->index, arrived->from)) {
        return;
    }
    letter = sim_new(sizeof(*letter));
    *letter = *arrived;
    letter->request.key.data = letter->key;
    letter->stamp.asker = letter->stamp.keeps ? incarnation_of(node, letter) : 0;
    letter->request.peer = &letter->stamp;
    letter->request.caching = letter->request.caching != NULL ? &letter->caching : NULL;
    letter->request.value = slice_make(arrived->value, arrived->size);
    serve(node, letter);
}

static struct letter *write_letter(struct peers *peers, const struct call *call, const struct request *request) {
    struct letter *letter = sim_new(sizeof(*letter) + request->value.size);

    *letter = (struct letter){
        .peers = peers,
        .id = call->id,
        .from = peers->worker->node->index,
        .from_boot = peers->worker->node->boot,
        .to = call->to,
        .to_boot = call->to_boot,
        .worker = peers->to_worker[call->to],
        .request = *request,
        .stamp = *request->peer,
        .size = request->value.size,
    };
    if (request->caching != NULL) {
        letter->caching = *request->caching;
    }
    memcpy(letter->key, request->key.data, request->key.size);
    if (request->value.size > 0) {
        memcpy(letter->value, request->value.data, request->value.size);
    }
    return letter;
}

static void end_later(struct peers *peers, const struct call *call, enum larder_error error, int64_t ns) {
    struct letter *letter = sim_new(sizeof(*letter));

    *letter = (struct letter){.peers = peers, .id = call->id, .error = error};
    node_after(peers->worker->node, ns, ended, letter, true);
}

/* Which process it is; -1: it is none that can be reached. */
static int process_of(const struct peers *peers, uint16_t member) {
    const struct member *m = &peers->members->members[member];
    int index = m->address.data[0] - '0';
    const struct node *node = &world->nodes[index];

    return node->alive && world->records[index].incarnation == m->incarnation &&
                   world->records[index].boot == node->boot
               ? index
               : -1;
}

static void send_call(struct peers *peers, struct call *call, const struct request *request) {
    struct letter *letter = write_letter(peers, call, request);
    int64_t arrives_ns = world_now() + world_delay();

    if (arrives_ns < peers->arrives_ns[call->to]) {
        arrives_ns = peers->arrives_ns[call->to];
    }
    peers->arrives_ns[call->to] = arrives_ns;
    if (sim_chance(&world->sim, world->loss)) {
        end_later(peers, call, LARDER_ERROR_CLOSED, sim_between(&world->sim, 0, 100 * SIM_MS));
    }
    node_after(&world->nodes[call->to], arrives_ns - world_now(), deliver, letter, true);
}

enum larder_error peers_submit(struct peers *peers, uint16_t member, const struct request *request,
                               pipeline_done_fn *done, void *ctx) {
    int to = process_of(peers, member);
    struct call *call;

    if ((to < 0 || is_cut(peers->worker->node->index, to)) && sim_chance(&world->sim, 50)) {
        return LARDER_ERROR_REFUSED;
    }
    call = sim_new(sizeof(*call));
    *call = (struct call){.next = peers->calls, .id = ++world->ids, .to = to, .done = done, .ctx = ctx};
    peers->calls = call;
    if (to < 0) {
        end_later(peers, call, LARDER_ERROR_CLOSED, world_delay());
        return LARDER_OK;
    }
    call->to_boot = world->nodes[to].boot;
    end_later(peers, call, LARDER_ERROR_TIMEOUT, request->deadline_ns - world_now());
    send_call(peers, call, request);
    return LARDER_OK;
}

enum larder_error peers_follow(struct peers *peers, const struct membership *members) {
    membership_unref(peers->members);
    peers->members = membership_ref((struct membership *)(uintptr_t)members);
    return LARDER_OK;
}

void peers_flush(struct peers *peers) {
    (void)peers;
}

/* --- of a worker --- */

void links_init(struct worker *worker) {
    for (unsigned i = 0; i < LINKS; i++) {
        worker->links[i].worker = worker;
        for (unsigned to = 0; to < NODES; to++) {
            worker->links[i].to_worker[to] = (unsigned)sim_between(&world->sim, 0, WORKERS - 1);
        }
    }
}

/* A process has ended: who waits for it learns that soon. */
void links_lose(const struct node *gone) {
    for (size_t i = 0; i < world->count; i++) {
        for (unsigned w = 0; w < WORKERS && world->nodes[i].alive; w++) {
            for (unsigned l = 0; l < LINKS; l++) {
                struct peers *peers = &world->nodes[i].workers[w].links[l];

                for (struct call *call = peers->calls; call != NULL; call = call->next) {
                    if (call->to == gone->index) {
                        end_later(peers, call, LARDER_ERROR_CLOSED, world_delay());
                    }
                }
            }
        }
    }
}

void links_break(struct worker *worker) {
    for (unsigned i = 0; i < LINKS; i++) {
        while (worker->links[i].calls != NULL) {
            end(&worker->links[i], worker->links[i].calls, LARDER_ERROR_CLOSED, NULL);
        }
    }
}

void links_end(struct worker *worker) {
    links_break(worker);
    for (unsigned i = 0; i < LINKS; i++) {
        membership_unref(worker->links[i].members);
        worker->links[i].members = NULL;
    }
}
