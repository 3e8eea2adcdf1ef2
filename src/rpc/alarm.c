/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/alarm.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/notes.h"
#include "rpc/task.h"

#define NO_SPACE ETCDSERVERPB__ALARM_TYPE__NOSPACE
#define CORRUPT ETCDSERVERPB__ALARM_TYPE__CORRUPT

static const struct kind {
    Etcdserverpb__AlarmType type;
    const char *name;
} kinds[ALARM_KINDS] = {{NO_SPACE, "NOSPACE"}, {CORRUPT, "CORRUPT"}};

static unsigned bit_of(Etcdserverpb__AlarmType type) {
    return type == NO_SPACE || type == CORRUPT ? 1U << type : 0;
}

void rpc_alarm_load(struct rpc_node *node, struct slice note) {
    for (size_t i = 0; i < note.size; i++) {
        atomic_fetch_or(&node->alarms, bit_of((Etcdserverpb__AlarmType)note.data[i]));
    }
}

void rpc_alarm_no_space(struct rpc_node *node) {
    unsigned bit = bit_of(NO_SPACE);

    if ((atomic_fetch_or(&node->alarms, bit) & bit) == 0) {
        log_warn("alarm NOSPACE: the store has no room for a write; raise store-quota or make room on the disk, then "
                 "disarm it");
    }
}

size_t rpc_alarm_texts(const struct rpc_node *node, char ret_texts[ALARM_KINDS][ALARM_TEXT_MAX]) {
    unsigned raised = atomic_load(&node->alarms);
    size_t count = 0;

    for (size_t i = 0; i < ALARM_KINDS; i++) {
        if ((raised & bit_of(kinds[i].type)) != 0) {
            snprintf(ret_texts[count++], ALARM_TEXT_MAX, "memberID:%" PRIu64 " alarm:%s ", node->member_id,
                     kinds[i].name);
        }
    }
    return count;
}

/* --- the RPC --- */

/* Answers with those of `bits`. */
static enum pending_next answer(struct rpc_task *task, unsigned bits) {
    struct rpc_node *node = task->worker->node;
    Etcdserverpb__AlarmResponse response = ETCDSERVERPB__ALARM_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__AlarmMember members[ALARM_KINDS];
    Etcdserverpb__AlarmMember *pointers[ALARM_KINDS];

    if (task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED); /* the store may be gone */
    }
    header = rpc_header(task->worker, store_revision(node->store));
    for (size_t i = 0; i < ALARM_KINDS; i++) {
        if ((bits & bit_of(kinds[i].type)) != 0) {
            Etcdserverpb__AlarmMember *member = &members[response.n_alarms];

            etcdserverpb__alarm_member__init(member);
            member->memberid = node->member_id;
            member->alarm = kinds[i].type;
            pointers[response.n_alarms++] = member;
        }
    }
    response.header = &header;
    response.alarms = pointers;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next answer_kept(struct rpc_task *task) {
    const Etcdserverpb__AlarmRequest *r = task->request;

    return rpc_task_failed(task) ? rpc_task_refused(task) : answer(task, bit_of(r->alarm));
}

/* What is raised stays so over a restart. */
static enum pending_next keep(struct rpc_task *task) {
    unsigned raised = atomic_load(&task->worker->node->alarms);
    char *note = arena_alloc(&task->arena, ALARM_KINDS);
    size_t size = 0;
    struct store_op op;

    if (note == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    for (size_t i = 0; i < ALARM_KINDS; i++) {
        if ((raised & bit_of(kinds[i].type)) != 0) {
            note[size++] = (char)kinds[i].type;
        }
    }
    op = (struct store_op){.kind = STORE_OP_NOTE, .note = {.name = RPC_NOTE_ALARMS, .value = slice_make(note, size)}};
    return rpc_task_call(task, &op, answer_kept);
}

static enum pending_next run(struct rpc_task *task) {
    const Etcdserverpb__AlarmRequest *r = task->request;
    struct rpc_node *node = task->worker->node;
    unsigned bit = bit_of(r->alarm);
    unsigned raised = atomic_load(&node->alarms);

    switch (r->action) {
    case ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__ACTIVATE:
        atomic_fetch_or(&node->alarms, bit);
        return bit != 0 ? keep(task) : answer(task, 0);
    case ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__DEACTIVATE:
        atomic_fetch_and(&node->alarms, ~bit);
        return (raised & bit) != 0 ? keep(task) : answer(task, 0);
    default:
        return answer(task, r->alarm == ETCDSERVERPB__ALARM_TYPE__NONE ? raised : raised & bit);
    }
}

static void alarm(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, run, request);
    }
}

const struct rpc_handler rpc_alarm = {.message = alarm};
