/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "net/fetch_internal.h"
#include "net/timer.h"

void fetcher_kick(struct fetcher *fetcher) {
    if (!timer_running(fetcher->turn)) {
        timer_start(fetcher->turn, 0, 0);
    }
}

void fetch_put_off(struct fetch *f) {
    if (!f->is_due) {
        f->is_due = true;
        TAILQ_INSERT_TAIL(&f->fetcher->due, f, due);
    }
    fetcher_kick(f->fetcher);
}

static void take_out_of_due(struct fetch *f) {
    f->is_due = false;
    TAILQ_REMOVE(&f->fetcher->due, f, due);
}

static void leave_host(struct fetch *f) {
    struct fetch_host *host = f->host;

    if (--host->fetches == 0) {
        TAILQ_REMOVE(&f->fetcher->hosts, host, link);
        free(host);
    }
}

static void leave_line(struct fetch *f) {
    TAILQ_REMOVE(&f->host->line, f, place);
    f->fetcher->figures.waiting--;
}

/* Taking it from libcurl frees its connection, or closes it if the answer has not ended. */
static void leave_curl(struct fetch *f) {
    struct fetcher *fetcher = f->fetcher;

    curl_multi_remove_handle(fetcher->multi, f->easy);
    fetch_connection_forget(&fetcher->connections, f);
    TAILQ_REMOVE(&fetcher->running, f, place);
    f->host->running--;
    if (--fetcher->running_count == 0) {
        timer_start(fetcher->idle, fetcher->config.idle_ns, 0);
    }
}

static void leave(struct fetch *f) {
    struct fetcher *fetcher = f->fetcher;

    if (f->running) {
        leave_curl(f);
    } else {
        leave_line(f);
    }
    if (f->is_due) {
        take_out_of_due(f);
    }
    leave_host(f);
    timer_free(f->deadline);
    fetcher->figures.fetches--;
    if (fetcher->figures.waiting > 0) {
        fetcher_kick(fetcher);
    }
}

void fetch_finish(struct fetch *f, enum larder_error error) {
    struct fetcher *fetcher = f->fetcher;

    assert(!fetcher->in_curl);
    f->ended = true; /* a last callback of libcurl finds nobody who wants to know */
    if (error != LARDER_OK && !f->dropped && fetcher->config.on_error != NULL) {
        fetcher->config.on_error(fetcher->config.ctx, f->host->origin, error, f->why);
    }
    leave(f);
    if (error == LARDER_ERROR_REFUSED || error == LARDER_ERROR_UNREACHABLE || f->headed) {
        fetcher->in_doubt = !f->headed;
    }
    if (!f->dropped) {
        fetcher->figures.ended[error]++;
        fetcher->telling++;
        f->ops->on_done(f->ctx, error);
        fetcher->telling--;
    }
    fetch_easy_free(f);
    fetch_lines_fini(&f->lines);
    free(f);
}

/* libcurl has closed the connection that was of no use; it takes another that is kept, or makes one. */
static void run_again(struct fetch *f) {
    CURLM *multi = f->fetcher->multi;

    f->spoilt = false;
    f->why[0] = '\0';
    curl_multi_remove_handle(multi, f->easy);
    fetch_connection_forget(&f->fetcher->connections, f);
    if (curl_multi_add_handle(multi, f->easy) != CURLM_OK) {
        fetch_finish(f, LARDER_ERROR_NO_MEMORY);
    }
}

static void take_end(struct fetch *f, CURLcode code) {
    if (code == CURLE_ABORTED_BY_CALLBACK && f->spoilt && !f->dropped && f->error == LARDER_OK) {
        run_again(f);
    } else {
        fetch_finish(f, fetch_answer_error(f, code));
    }
}

static void collect(struct fetcher *fetcher) {
    CURLMsg *message;
    int left;

    while (fetcher->multi != NULL && (message = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            take_end(fetch_of_easy(message->easy_handle), message->data.result);
        }
    }
}

/* libcurl hands on what it holds from inside curl_easy_pause; if that fails, nothing else tells. */
static void resume(struct fetch *f) {
    CURLcode code = CURLE_OK;

    f->resumed = false;
    f->paused = false;
    if (f->held) {
        f->held = false;
        f->fetcher->in_curl = true;
        code = curl_easy_pause(f->easy, CURLPAUSE_CONT);
        f->fetcher->in_curl = false;
    }
    if (code != CURLE_OK) {
        fetch_finish(f, fetch_answer_error(f, code));
    }
}

/* When one address of several does not answer, libcurl 7.88 chooses the next and then waits for a timer that it has not
 * started. To begin and end a pause of what is not sent yet changes nothing but that it looks again. */
static void nudge(struct fetch *f) {
    f->stuck = false;
    f->fetcher->in_curl = true;
    (void)curl_easy_pause(f->easy, CURLPAUSE_SEND);
    (void)curl_easy_pause(f->easy, CURLPAUSE_CONT);
    f->fetcher->in_curl = false;
}

static void act(struct fetch *f) {
    take_out_of_due(f);
    if (f->dropped || f->error != LARDER_OK) {
        fetch_finish(f, f->error);
        return;
    }
    if (f->stuck) {
        nudge(f);
    }
    if (f->resumed) {
        resume(f);
    }
}

/* What these put off in their turn has a turn of its own, so that the loop's other work is not held up. */
static void act_due(struct fetcher *fetcher) {
    size_t count = 0;
    struct fetch *f;

    TAILQ_FOREACH(f, &fetcher->due, due) {
        count++;
    }
    while (count-- > 0 && (f = TAILQ_FIRST(&fetcher->due)) != NULL) {
        act(f);
    }
}

static void run(struct fetch *f) {
    struct fetcher *fetcher = f->fetcher;

    if (fetcher_multi_open(fetcher) != LARDER_OK || curl_multi_add_handle(fetcher->multi, f->easy) != CURLM_OK) {
        fetch_finish(f, LARDER_ERROR_NO_MEMORY);
        return;
    }
    leave_line(f);
    f->running = true;
    TAILQ_INSERT_TAIL(&fetcher->running, f, place);
    f->host->running++;
    fetcher->running_count++;
    timer_stop(fetcher->idle);
}

/* Hosts have their turns one after the other. */
static struct fetch *next_in_line(struct fetcher *fetcher) {
    struct fetch_host *host;

    TAILQ_FOREACH(host, &fetcher->hosts, link) {
        if (host->running < fetcher->config.connections_per_host && !TAILQ_EMPTY(&host->line)) {
            TAILQ_REMOVE(&fetcher->hosts, host, link);
            TAILQ_INSERT_TAIL(&fetcher->hosts, host, link);
            return TAILQ_FIRST(&host->line);
        }
    }
    return NULL;
}

static void admit(struct fetcher *fetcher) {
    struct fetch *f;

    while (fetcher->running_count < fetcher->config.connections && (f = next_in_line(fetcher)) != NULL) {
        run(f);
    }
}

void fetcher_turn(struct fetcher *fetcher) {
    collect(fetcher);
    act_due(fetcher);
    admit(fetcher);
}

void fetcher_break(struct fetcher *fetcher) {
    struct fetch *f;

    while ((f = TAILQ_FIRST(&fetcher->running)) != NULL) {
        fetch_finish(f, LARDER_ERROR_NO_MEMORY);
    }
    fetcher_multi_close(fetcher);
}
