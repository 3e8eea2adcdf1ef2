/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_load.h"

enum {
    VALIDATORS_MAX = 2,
    ESCAPED_MAX = 3, /* bytes of a byte in a URL */
};

static const struct fetch_ops ops = {.on_head = origin_on_head, .on_body = origin_on_body, .on_done = origin_on_done};

const struct origin_control *origin_flight_control(const struct origin_flight *f) {
    static const struct origin_control fetches = {.resume = fetch_resume, .renew = fetch_renew, .cancel = fetch_cancel};

    return f->worker->control != NULL ? f->worker->control : &fetches;
}

static size_t add_validators(const struct origin_flight *f, struct fetch_field fields[VALIDATORS_MAX]) {
    size_t count = 0;

    if (f->conditional && f->old.etag.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("If-None-Match"), f->old.etag};
    }
    if (f->conditional && f->old.last_modified.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("If-Modified-Since"), f->old.last_modified};
    }
    return count;
}

/* The members of a pool ask for keys that are any bytes, and what cannot stand in a URL is written such that it can. All else
 * stays, as in a Go program that puts a key behind a URL. Returns how many bytes. */
static size_t escape(struct slice rest, char *place) {
    static const char digits[] = "0123456789ABCDEF";
    char *at = place;

    for (size_t i = 0; i < rest.size; i++) {
        unsigned char c = (unsigned char)rest.data[i];

        if (c > ' ' && c < 0x7f && c != '#') {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return (size_t)(at - place);
}

/* The group's URL, '/', and the key behind the group's name, as it is. */
static struct slice url_of(const struct group_policy *policy, struct slice key, char *place) {
    struct slice rest = slice_skip(key, policy->name_size);
    size_t size = policy->origin.url_size;

    memcpy(place, policy->origin.url, size);
    if (policy->origin.pool != NULL) {
        return slice_make(place, size + escape(rest, place + size));
    }
    memcpy(place + size, rest.data, rest.size);
    return slice_make(place, size + rest.size);
}

/* What cannot be begun. */
static void refuse(struct origin_flight *f, enum larder_error error) {
    if (error == LARDER_ERROR_INVALID) {
        origin_give_up(f, RESULT_NO_ORIGIN_KEY);
    } else {
        origin_flight_count(f, COUNTER_LIMIT_ORIGIN_FLIGHTS);
        origin_give_up(f, error == LARDER_ERROR_NO_MEMORY ? RESULT_NO_MEMORY : RESULT_ORIGIN_BUSY);
    }
}

void origin_load(struct origin_flight *f) {
    const struct group_policy *policy = origin_flight_policy(f);
    struct fetch_field fields[VALIDATORS_MAX + ORIGIN_TRACE_FIELDS];
    char parent[ORIGIN_TRACE_ROOM];
    char place[GROUP_ORIGIN_URL_MAX + ESCAPED_MAX * REQUEST_KEY_MAX];
    struct fetch_request request = {
        .method = FETCH_GET,
        .url = url_of(policy, origin_flight_key(f), place),
        .fields = fields,
        .field_count = add_validators(f, fields),
        .deadline_ns = (f->peer_asked ? clock_monotonic_ns() : f->begun_ns) + policy->origin.timeout_ns,
        .body_max = f->streamer != NULL ? UINT64_MAX : ORIGIN_PASSED_MAX, /* origin_receive.c sees to it then */
    };
    enum larder_error error = LARDER_ERROR_CLOSED;
    size_t count;

    if (origin_ask_peer(f)) {
        return;
    }
    origin_trace_begin(f, request.url, fields + request.field_count, &count, parent);
    request.field_count += count;
    f->asked_ms = origin_now_ms(f->worker->origin);
    if (!f->worker->ended && group_policy_is_origin(policy)) {
        error = f->worker->fetch(f->worker, policy, &request, &ops, f, &f->fetch);
    }
    if (error != LARDER_OK) {
        refuse(f, error);
    }
}
