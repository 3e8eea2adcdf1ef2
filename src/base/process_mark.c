/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process_mark.h"

#include <sys/mman.h>

void process_mark_init(struct process_mark *mark) {
    void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *mark = (struct process_mark){.pid = getpid()};
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) != 0) {
        munmap(page, 1);
        return;
    }
    mark->page = page;
    *mark->page = 1;
}

void process_mark_fini(struct process_mark *mark) {
    if (mark->page != NULL) {
        munmap((void *)mark->page, 1);
    }
    mark->page = NULL;
}
