/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/json_in.h"
#include "cli/json_out.h"

void top_groups_fini(struct top_groups *groups) {
    free(groups->groups);
    *groups = (struct top_groups){.count = 0};
}

static const json_t *find_told(const json_t *answer, const char *name) {
    size_t index;
    json_t *told;

    json_array_foreach(json_object_get(answer, "groups"), index, told) {
        const char *its = json_string_value(json_object_get(told, "name"));

        if (its != NULL && strcmp(its, name) == 0) {
            return told;
        }
    }
    return NULL;
}

static struct top_group *find_group(struct top_groups *groups, const char *name) {
    struct top_group *more;

    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->groups[i].name, name) == 0) {
            return &groups->groups[i];
        }
    }
    more = realloc(groups->groups, (groups->count + 1) * sizeof(*more));
    if (more == NULL) {
        abort();
    }
    groups->groups = more;
    more[groups->count] = (struct top_group){.name = name};
    return &more[groups->count++];
}

static double rise(const json_t *before, const json_t *after, const char *name) {
    uint64_t from = json_get_number(json_object_get(before, "clients"), name);
    uint64_t to = json_get_number(json_object_get(after, "clients"), name);

    return to > from ? (double)(to - from) : 0;
}

/* The node was started anew: what it has counted since is no difference. */
static bool counts_anew(const json_t *before, const json_t *after) {
    return json_get_number(json_object_get(after, "clients"), "requests") <
           json_get_number(json_object_get(before, "clients"), "requests");
}

static void add_told(struct top_groups *groups, const json_t *before, const json_t *after, double seconds) {
    const char *name = json_string_value(json_object_get(after, "name"));
    const json_t *then = name != NULL ? find_told(before, name) : NULL;
    struct top_group *group;

    if (name == NULL) {
        return;
    }
    group = find_group(groups, name);
    if (then != NULL && seconds > 0 && !counts_anew(then, after)) {
        group->rate += rise(then, after, "requests") / seconds;
        group->hits += rise(then, after, "hits") / seconds;
        group->misses += rise(then, after, "misses") / seconds;
    }
}

static int by_rate(const void *a, const void *b) {
    const struct top_group *x = a, *y = b;

    return x->rate > y->rate ? -1 : x->rate < y->rate ? 1 : strcmp(x->name, y->name);
}

void top_groups_between(const struct top_look *before, const struct top_look *after, struct top_groups *ret_groups) {
    double seconds = (double)(after->at_ns - before->at_ns) / (double)CLOCK_NS_PER_S;
    const char *id;
    json_t *answer;

    *ret_groups = (struct top_groups){.count = 0};
    json_object_foreach(after->answers, id, answer) {
        size_t index;
        json_t *told;

        json_array_foreach(json_object_get(answer, "groups"), index, told) {
            add_told(ret_groups, json_object_get(before->answers, id), told, seconds);
        }
    }
    for (size_t i = 0; i < ret_groups->count; i++) {
        ret_groups->rate += ret_groups->groups[i].rate;
    }
    if (ret_groups->count > 0) {
        qsort(ret_groups->groups, ret_groups->count, sizeof(ret_groups->groups[0]), by_rate);
    }
}

double top_group_hit_ratio(const struct top_group *group) {
    double reads = group->hits + group->misses;

    return reads > 0 ? group->hits / reads : -1;
}

json_t *top_groups_json(const struct top_groups *groups) {
    json_t *object = json_object(), *list = json_array();

    for (size_t i = 0; i < groups->count; i++) {
        const struct top_group *group = &groups->groups[i];
        double ratio = top_group_hit_ratio(group);
        json_t *told = json_object();

        json_set(told, "name", json_string(group->name));
        json_set(told, "rate", json_real(round(group->rate * 10) / 10));
        json_set(told, "share", json_real(groups->rate > 0 ? round(group->rate / groups->rate * 1e4) / 1e4 : 0));
        json_set(told, "hit_ratio", ratio < 0 ? json_null() : json_real(round(ratio * 1e4) / 1e4));
        json_array_append_new(list, told);
    }
    json_set(object, "rate", json_real(round(groups->rate * 10) / 10));
    json_set(object, "groups", list);
    return object;
}
