/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_WATCH_LIST_H
#define LARDER_STORE_ETCD_WATCH_LIST_H

#include "store/etcd/watch_internal.h"

/* Lists of watches: a watch is in one at most. */

static inline void watch_list_append(struct watch_list *list, struct etcd_watch *watch) {
    watch->next = NULL;
    watch->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = watch;
    list->last = watch;
}

static inline void watch_list_prepend(struct watch_list *list, struct etcd_watch *watch) {
    watch->previous = NULL;
    watch->next = list->first;
    *(list->first != NULL ? &list->first->previous : &list->last) = watch;
    list->first = watch;
}

static inline void watch_list_remove(struct watch_list *list, struct etcd_watch *watch) {
    *(watch->previous != NULL ? &watch->previous->next : &list->first) = watch->next;
    *(watch->next != NULL ? &watch->next->previous : &list->last) = watch->previous;
    watch->next = NULL;
    watch->previous = NULL;
}

/* NULL: there is none. */
static inline struct etcd_watch *watch_list_pop(struct watch_list *list) {
    struct etcd_watch *watch = list->first;

    if (watch != NULL) {
        watch_list_remove(list, watch);
    }
    return watch;
}

#endif
