/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "cli/bench/etcd/ask.h"
#include "cli/bench/etcd/tally.h"
#include "cli/bench/etcd/template.h"
#include "cli/bench/listener_process.h"
#include "cli/bench/tally.h"
#include "proto/etcd/message.h"
#include "proto/etcd/rpc.pb-c.h"

enum { PATIENCE_S = 5, RESOLVED_MAX = 8 };

/* What a server says of itself. */
struct status {
    uint64_t member;
    uint64_t leader;
    char version[ETCD_VERSION_MAX];
};

static bool complain(const struct etcd_endpoint *endpoint, const char *what, const struct ask_end *end) {
    char text[ADDRESS_TEXT_MAX];

    fprintf(stderr, "larder bench: %s: %s: %s (%s)\n", address_format(&endpoint->address, text), what, end->text,
            etcd_status_name(end->status));
    return false;
}

static bool put_question(const struct etcd_target *target, const struct etcd_endpoint *endpoint, struct slice path,
                         struct slice request, struct buf *answer, struct ask_end *ret_end) {
    const struct ask question = {
        .endpoint = &endpoint->endpoint,
        .authority = slice_from_string(endpoint->authority),
        .token = slice_from_string(target->token),
        .path = path,
        .request = request,
        .timeout_ns = target->patience_ns,
    };

    buf_init(answer, ASK_ANSWER_MAX);
    return ask(&question, answer, ret_end);
}

static bool read_status(struct slice answer, struct status *ret_status) {
    struct arena arena;
    Etcdserverpb__StatusResponse *response;

    arena_init(&arena, ASK_ANSWER_MAX);
    response =
        (Etcdserverpb__StatusResponse *)etcd_message_unpack(&etcdserverpb__status_response__descriptor, answer, &arena);
    if (response != NULL) {
        ret_status->leader = response->leader;
        ret_status->member = response->header == NULL ? 0 : response->header->member_id;
        tally_copy_text(slice_from_string(response->version), ret_status->version, sizeof(ret_status->version));
    }
    arena_fini(&arena);
    return response != NULL;
}

/* A server that refuses to tell its status, for want of a login or altogether, is there nevertheless. */
static bool is_refusal(enum grpc_status status) {
    return status == GRPC_UNIMPLEMENTED || status == GRPC_PERMISSION_DENIED || status == GRPC_UNAUTHENTICATED ||
           status == GRPC_INVALID_ARGUMENT;
}

static bool ask_status(const struct etcd_target *target, const struct etcd_endpoint *endpoint,
                       struct status *ret_status, struct ask_end *ret_end) {
    struct buf answer;
    bool answered =
        put_question(target, endpoint, SLICE("/etcdserverpb.Maintenance/Status"), SLICE(""), &answer, ret_end);
    bool good;

    *ret_status = (struct status){.member = 0};
    good = answered ? read_status(buf_slice(&answer), ret_status) : is_refusal(ret_end->status);
    if (answered && !good) {
        snprintf(ret_end->text, sizeof(ret_end->text), "its status cannot be read");
    }
    buf_fini(&answer);
    return good;
}

/* The first of the address's endpoints that answers. */
static bool choose(const struct etcd_target *target, struct etcd_endpoint *endpoint, struct status *ret_status) {
    struct endpoint resolved[RESOLVED_MAX];
    struct ask_end end = {.text = "it has no address"};
    size_t count = 0;
    enum larder_error error = endpoint_resolve(&endpoint->address, resolved, RESOLVED_MAX, &count);

    if (error != LARDER_OK) {
        snprintf(end.text, sizeof(end.text), "%s", larder_error_text(error));
        end.status = GRPC_UNAVAILABLE;
        return complain(endpoint, "cannot connect", &end);
    }
    for (size_t i = 0; i < count; i++) {
        endpoint->endpoint = resolved[i];
        if (ask_status(target, endpoint, ret_status, &end)) {
            return true;
        }
    }
    return complain(endpoint, "no server of etcd's API answers; is it running, and is that its client port?", &end);
}

static bool pack_login(const char *user, struct buf *request) {
    Etcdserverpb__AuthenticateRequest login = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;
    const char *colon = strchr(user, ':');
    char name[256];
    char password[1024];
    size_t size;

    if ((size_t)(colon - user) >= sizeof(name) || strlen(colon + 1) >= sizeof(password)) {
        return false;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(colon - user), user);
    snprintf(password, sizeof(password), "%s", colon + 1);
    login.name = name;
    login.password = password;
    size = protobuf_c_message_get_packed_size(&login.base);
    if (buf_reserve(request, size) != LARDER_OK) {
        return false;
    }
    request->size = protobuf_c_message_pack(&login.base, (uint8_t *)request->data);
    return true;
}

static bool read_token(struct slice answer, char ret_token[ETCD_TOKEN_MAX]) {
    struct arena arena;
    Etcdserverpb__AuthenticateResponse *response;
    bool good;

    arena_init(&arena, ASK_ANSWER_MAX);
    response = (Etcdserverpb__AuthenticateResponse *)etcd_message_unpack(
        &etcdserverpb__authenticate_response__descriptor, answer, &arena);
    good = response != NULL && response->token[0] != '\0' && strlen(response->token) < ETCD_TOKEN_MAX;
    if (good) {
        strcpy(ret_token, response->token);
    }
    arena_fini(&arena);
    return good;
}

static bool log_in(struct etcd_target *target, const char *user) {
    struct ask_end end = {.text = "the name or the password is too long"};
    struct buf request, answer;
    bool good;

    buf_init(&request, ETCD_TOKEN_MAX * 2);
    buf_init(&answer, 0);
    good = pack_login(user, &request) &&
           put_question(target, &target->endpoints[0], SLICE("/etcdserverpb.Auth/Authenticate"), buf_slice(&request),
                        &answer, &end);
    if (good && !read_token(buf_slice(&answer), target->token)) {
        snprintf(end.text, sizeof(end.text), "there is no token in the answer");
        good = false;
    }
    buf_fini(&request);
    buf_fini(&answer);
    return good || complain(&target->endpoints[0], "cannot log in", &end);
}

static void add_pid(struct etcd_target *target, uint64_t pid) {
    for (size_t i = 0; i < target->pid_count; i++) {
        if (target->pids[i] == pid) {
            return;
        }
    }
    target->pids[target->pid_count++] = pid;
}

static bool find_pids(struct etcd_target *target, uint64_t given) {
    uint64_t ns;

    if (given != 0) {
        if (process_cpu_ns(given, &ns) != LARDER_OK) {
            fprintf(stderr, "larder bench: there is no process %" PRIu64 " to look at\n", given);
            return false;
        }
        add_pid(target, given);
        return true;
    }
    for (size_t i = 0; i < target->count; i++) {
        uint64_t pid;

        if (listener_process(&target->endpoints[i].endpoint, &pid) != LARDER_OK) {
            target->pid_count = 0; /* the part that can be seen would pass for the whole */
            return true;
        }
        add_pid(target, pid);
    }
    return true;
}

static bool add_endpoint(struct etcd_target *target, const struct address *address, bool leader_alone) {
    struct etcd_endpoint *endpoint = &target->endpoints[target->count];
    struct status status;

    endpoint->address = *address;
    if (address->kind == ADDRESS_UNIX) {
        strcpy(endpoint->authority, "localhost");
    } else {
        address_format(address, endpoint->authority);
    }
    if (!choose(target, endpoint, &status)) {
        return false;
    }
    if (leader_alone && (status.leader == 0 || status.leader != status.member)) {
        return true;
    }
    if (target->count++ == 0) {
        memcpy(target->version, status.version, sizeof(target->version));
    }
    return true;
}

bool etcd_target_find(struct etcd_target *ret_target, const struct etcd_config *config,
                      const struct etcd_endpoints *endpoints, uint64_t pid) {
    memset(ret_target, 0, sizeof(*ret_target));
    ret_target->patience_ns =
        config->patience_ns < PATIENCE_S * CLOCK_NS_PER_S ? config->patience_ns : PATIENCE_S * CLOCK_NS_PER_S;
    for (size_t i = 0; i < endpoints->count; i++) {
        if (!add_endpoint(ret_target, &endpoints->addresses[i], config->target_leader)) {
            return false;
        }
    }
    if (ret_target->count == 0) {
        fputs("larder bench: --target-leader: none of the endpoints is the leader; name all members with --endpoints\n",
              stderr);
        return false;
    }
    return (config->user == NULL || log_in(ret_target, config->user)) && find_pids(ret_target, pid);
}

bool etcd_target_range(const struct etcd_target *target, const struct etcd_config *config,
                       struct glance_range *ret_glance) {
    struct ask_end end;
    struct template request;
    struct buf answer;
    bool good;

    if (!template_make(config, ETCD_RANGE, &request)) {
        fputs("larder bench: out of memory\n", stderr);
        return false;
    }
    good = put_question(target, &target->endpoints[0], SLICE("/etcdserverpb.KV/Range"),
                        slice_make(request.bytes, request.size), &answer, &end);
    if (good && !glance_range(buf_slice(&answer), ret_glance)) {
        snprintf(end.text, sizeof(end.text), "the answer cannot be read");
        good = false;
    }
    template_free(&request);
    buf_fini(&answer);
    return good || complain(&target->endpoints[0], "cannot range", &end);
}

bool etcd_target_cpu(const struct etcd_target *target, uint64_t *ret_ns) {
    *ret_ns = 0;
    for (size_t i = 0; i < target->pid_count; i++) {
        uint64_t ns;

        if (process_cpu_ns(target->pids[i], &ns) != LARDER_OK) {
            return false;
        }
        *ret_ns += ns;
    }
    return target->pid_count > 0;
}

bool etcd_target_memory(const struct etcd_target *target, struct process_memory *ret_memory) {
    *ret_memory = (struct process_memory){.resident = 0};
    for (size_t i = 0; i < target->pid_count; i++) {
        struct process_memory one;

        if (process_memory(target->pids[i], &one) != LARDER_OK) {
            return false;
        }
        ret_memory->resident += one.resident;
        ret_memory->anonymous += one.anonymous;
        ret_memory->file += one.file;
    }
    return target->pid_count > 0;
}
