/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mailbox.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "net/loop_uv.h"

/* Posters push onto a stack; the loop takes the whole stack at once and turns it round. The poster that finds the stack
 * empty wakes the loop, so a burst costs one system call. */
struct mailbox {
    uv_async_t wake;
    struct mailbox_message *_Atomic newest;
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

static void on_wake(uv_async_t *wake) {
    drain(wake->data);
}

static void on_uv_close(uv_handle_t *wake) {
    free(wake->data);
}

struct mailbox *mailbox_new(struct loop *loop) {
    struct mailbox *mailbox = malloc(sizeof(*mailbox));

    if (mailbox == NULL) {
        return NULL;
    }
    atomic_init(&mailbox->newest, NULL);
    if (uv_async_init(loop_uv(loop), &mailbox->wake, on_wake) != 0) {
        free(mailbox);
        return NULL;
    }
    mailbox->wake.data = mailbox;
    return mailbox;
}

void mailbox_post(struct mailbox *mailbox, struct mailbox_message *message) {
    struct mailbox_message *head = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &head, message, memory_order_release,
                                                    memory_order_relaxed));
    if (head == NULL) {
        uv_async_send(&mailbox->wake);
    }
}

void mailbox_free(struct mailbox *mailbox) {
    if (mailbox == NULL) {
        return;
    }
    while (atomic_load_explicit(&mailbox->newest, memory_order_relaxed) != NULL) {
        drain(mailbox);
    }
    uv_close((uv_handle_t *)&mailbox->wake, on_uv_close);
}
