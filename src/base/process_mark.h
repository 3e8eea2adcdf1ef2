/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_PROCESS_MARK_H
#define LARDER_BASE_PROCESS_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* Tells the process that made something from a child that was forked off since, at the cost of one load: asking for the
 * process's number is a system call. */
struct process_mark {
    volatile char *page; /* all zeros in a child of this process; NULL: the kernel cannot do that */
    pid_t pid;
};

void process_mark_init(struct process_mark *mark);

/* Twice is fine, and so is one that is all zeros. */
void process_mark_fini(struct process_mark *mark);

/* Whether this is another process than the one of process_mark_init. */
static inline bool process_mark_is_foreign(const struct process_mark *mark) {
    return mark->page != NULL ? *mark->page == 0 : getpid() != mark->pid;
}

#endif
