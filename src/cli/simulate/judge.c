/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/judge.h"

#include <inttypes.h>

static bool is_ip(struct slice value, uint32_t ip) {
    char text[SIMULATE_IP_MAX];

    return slice_equal(value, slice_from_string(simulate_ip_text(ip, text)));
}

static bool tell_value(struct buf *why, const char *what, struct slice value) {
    char shown[SLICE_ESCAPED_MAX];

    buf_printf(why, "%s %s", what, slice_escape(value, shown));
    return false;
}

static bool judge_create(const struct simulate_expected *e, const struct store_call *call, struct buf *why) {
    const struct store_result *result = &call->result;

    if (result->kv_count == 0 || (call->repeated && is_ip(result->kvs[0].value, e->operation.device.ip))) {
        return true;
    }
    return tell_value(why, "a new device was there already, with the value", result->kvs[0].value);
}

static bool judge_retrieve(const struct simulate_expected *e, const struct store_call *call, struct buf *why) {
    const struct store_result *result = &call->result;
    char ip[SIMULATE_IP_MAX];

    if (result->kv_count != 1) {
        buf_printf(why, "%zu keys were found instead of one with the value %s", result->kv_count,
                   simulate_ip_text(e->operation.device.ip, ip));
        return false;
    }
    if (!is_ip(result->kvs[0].value, e->operation.device.ip)) {
        buf_printf(why, "instead of %s ", simulate_ip_text(e->operation.device.ip, ip));
        return tell_value(why, "it found", result->kvs[0].value);
    }
    if (e->created_at != 0 && result->kvs[0].mod_revision != e->created_at) {
        buf_printf(why, "it was created at revision %" PRId64 ", and something changed it at %" PRId64, e->created_at,
                   result->kvs[0].mod_revision);
        return false;
    }
    return true;
}

static bool judge_delete(const struct store_call *call, struct buf *why) {
    const struct store_result *result = &call->result;

    if (result->count == 1 || (result->count == 0 && call->repeated)) {
        return true;
    }
    buf_printf(why, "%" PRId64 " keys were deleted instead of one", result->count);
    return false;
}

/* Whether the answer says that something was changed by it. */
static bool has_changed(const struct simulate_expected *e, const struct store_call *call) {
    return e->operation.kind == SIMULATE_CREATE || (e->operation.kind == SIMULATE_DELETE && call->result.count > 0);
}

static bool judge_revision(const struct simulate_expected *e, const struct store_call *call, struct buf *why) {
    if (call->revision > e->floor || (call->revision == e->floor && !has_changed(e, call))) {
        return true;
    }
    buf_printf(why, "its revision is %" PRId64 " after an answer of %" PRId64 ": revisions went back", call->revision,
               e->floor);
    return false;
}

bool simulate_judge(const struct simulate_expected *expected, const struct store_call *call, struct buf *why) {
    bool good = false;

    switch (expected->operation.kind) {
    case SIMULATE_CREATE:
        good = judge_create(expected, call, why);
        break;
    case SIMULATE_RETRIEVE:
        good = judge_retrieve(expected, call, why);
        break;
    case SIMULATE_DELETE:
        good = judge_delete(call, why);
        break;
    case SIMULATE_KINDS:
        break;
    }
    return good && judge_revision(expected, call, why);
}
