/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mailbox.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "net/loop_uv.h"

/* Posters push onto a stack; the loop takes the whole stack at once and turns it round. The poster that finds the stack
 * empty wakes the loop, so a burst costs one system call.
 *
 * It is woken by an eventfd of our own and not by uv_async_send: a loop that such a call wakes spins until the caller has
 * returned from it. Where both have one processor the loop runs first, and spins for tens of microseconds. */
struct mailbox {
    uv_poll_t wake;
    int descriptor;
    struct mailbox_message *_Atomic newest;
    atomic_uint posting; /* threads inside mailbox_post */
};

static struct mailbox_message *reverse(struct mailbox_message *list) {
    struct mailbox_message *reversed = NULL;

    while (list != NULL) {
        struct mailbox_message *next = list->next;

        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static void drain(struct mailbox *mailbox) {
    struct mailbox_message *message = reverse(atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire));

    while (message != NULL) {
        struct mailbox_message *next = message->next;

        message->run(message);
        message = next;
    }
}

/* The descriptor is emptied first: what is posted from then on wakes the loop again. */
static void on_wake(uv_poll_t *wake, int status, int events) {
    struct mailbox *mailbox = wake->data;
    eventfd_t count;

    (void)status;
    (void)events;
    eventfd_read(mailbox->descriptor, &count); /* EAGAIN: woken for nothing */
    drain(mailbox);
}

static void on_uv_close(uv_handle_t *wake) {
    struct mailbox *mailbox = wake->data;

    close(mailbox->descriptor);
    free(mailbox);
}

static bool start(struct mailbox *mailbox, struct loop *loop) {
    mailbox->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->descriptor < 0) {
        return false;
    }
    if (uv_poll_init(loop_uv(loop), &mailbox->wake, mailbox->descriptor) != 0) {
        close(mailbox->descriptor);
        return false;
    }
    mailbox->wake.data = mailbox;
    uv_poll_start(&mailbox->wake, UV_READABLE, on_wake); /* fails only for a handle that is closing */
    return true;
}

struct mailbox *mailbox_new(struct loop *loop) {
    struct mailbox *mailbox = malloc(sizeof(*mailbox));

    if (mailbox == NULL) {
        return NULL;
    }
    atomic_init(&mailbox->newest, NULL);
    atomic_init(&mailbox->posting, 0);
    if (!start(mailbox, loop)) {
        free(mailbox);
        return NULL;
    }
    return mailbox;
}

/* The count cannot run over: it is taken out before the stack can be found empty again. */
static void wake(struct mailbox *mailbox) {
    while (eventfd_write(mailbox->descriptor, 1) != 0 && errno == EINTR) {
    }
}

void mailbox_post(struct mailbox *mailbox, struct mailbox_message *message) {
    struct mailbox_message *head;

    atomic_fetch_add_explicit(&mailbox->posting, 1, memory_order_relaxed);
    head = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &head, message, memory_order_release,
                                                    memory_order_relaxed));
    if (head == NULL) {
        wake(mailbox);
    }
    atomic_fetch_sub_explicit(&mailbox->posting, 1, memory_order_release);
}

void mailbox_free(struct mailbox *mailbox) {
    if (mailbox == NULL) {
        return;
    }
    while (atomic_load_explicit(&mailbox->newest, memory_order_relaxed) != NULL) {
        drain(mailbox);
    }
    /* A poster whose message was run already may not have returned yet. */
    while (atomic_load_explicit(&mailbox->posting, memory_order_acquire) > 0) {
        sched_yield();
    }
    uv_close((uv_handle_t *)&mailbox->wake, on_uv_close);
}
