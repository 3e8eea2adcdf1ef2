/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_MAILBOX_H
#define LARDER_NET_MAILBOX_H

struct loop;
struct mailbox;

/* Embedded in what is sent. The poster owns it until mailbox_post, the receiver from the moment `run` is called; `run`
 * may free it or post it again. */
struct mailbox_message {
    struct mailbox_message *next; /* the mailbox's */
    void (*run)(struct mailbox_message *message);
};

/* The way from any thread to a loop's thread. NULL: out of memory or descriptors. The caller owns it. */
struct mailbox *mailbox_new(struct loop *loop);

/* Has message->run called on the loop's thread, once, soon. Messages of one poster run in the order of their posting.
 * Safe from any thread; never blocks, allocates or fails. What the poster wrote before is visible to `run`. */
void mailbox_post(struct mailbox *mailbox, struct mailbox_message *message);

/* On the loop's thread (or after it has ended). Runs what is still in it, then gives the mailbox up; nobody may post
 * any more. NULL is allowed. */
void mailbox_free(struct mailbox *mailbox);

#endif
