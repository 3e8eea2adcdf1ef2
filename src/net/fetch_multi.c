/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "net/fetch_internal.h"
#include "net/loop_uv.h"
#include "net/timer.h"

/* A socket that libcurl wants watched; freed when libuv has let go of it. */
struct fetch_socket {
    uv_poll_t poll;
    struct fetcher *fetcher;
    curl_socket_t descriptor;
    int events; /* UV_READABLE, UV_WRITABLE */
};

static void step(struct fetcher *fetcher, curl_socket_t descriptor, int events) {
    CURLMcode code;
    int running;

    fetcher->in_curl = true;
    code = curl_multi_socket_action(fetcher->multi, descriptor, events, &running);
    fetcher->in_curl = false;
    if (code != CURLM_OK) {
        fetcher_break(fetcher);
    }
    fetcher_turn(fetcher);
}

void fetcher_multi_progress(void *ctx) {
    struct fetcher *fetcher = ctx;

    if (fetcher->multi != NULL) {
        step(fetcher, CURL_SOCKET_TIMEOUT, 0);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct fetch_socket *s) {
    if (s->events == 0) {
        uv_poll_stop(&s->poll);
    } else {
        uv_poll_start(&s->poll, s->events, on_ready);
    }
}

/* After an error libuv watches no more, and does not say whether there is something to read as well: libcurl looks itself (no
 * bits), and may have more to do here than it did now. To an error alone it would not read what came before it. */
static void on_ready(uv_poll_t *poll, int status, int events) {
    struct fetch_socket *s = poll->data;
    int bits =
        ((events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) | ((events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);

    step(s->fetcher, s->descriptor, status < 0 ? 0 : bits);
    if (status < 0 && !uv_is_closing((uv_handle_t *)poll)) {
        watch(s);
    }
}

static void on_uv_close(uv_handle_t *handle) {
    free(handle->data);
}

static struct fetch_socket *open_socket(struct fetcher *fetcher, curl_socket_t descriptor) {
    struct fetch_socket *s = calloc(1, sizeof(*s));

    if (s == NULL || uv_poll_init_socket(loop_uv(fetcher->loop), &s->poll, descriptor) != 0) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    s->fetcher = fetcher;
    s->descriptor = descriptor;
    curl_multi_assign(fetcher->multi, descriptor, s);
    return s;
}

static void close_socket(struct fetcher *fetcher, struct fetch_socket *s) {
    if (s != NULL) {
        curl_multi_assign(fetcher->multi, s->descriptor, NULL);
        uv_close((uv_handle_t *)&s->poll, on_uv_close);
    }
}

/* A socket that cannot be watched ends its transfer, and not, as an error to libcurl would, all of them. */
static void give_up(struct fetch *f) {
    if (f != NULL && !f->ended) {
        f->error = LARDER_ERROR_NO_MEMORY;
        fetch_put_off(f);
    }
}

/* Perhaps another address is to be tried. */
static void look_again(struct fetch *f) {
    if (f != NULL && f->opening && !f->ended) {
        f->stuck = true;
        fetch_put_off(f);
    }
}

static int on_socket(CURL *easy, curl_socket_t descriptor, int what, void *ctx, void *socket) {
    struct fetcher *fetcher = ctx;
    struct fetch_socket *s = socket;

    if (what == CURL_POLL_REMOVE) {
        close_socket(fetcher, s);
        look_again(fetch_of_easy(easy));
        return 0;
    }
    if (s == NULL) {
        s = open_socket(fetcher, descriptor);
    }
    if (s == NULL) {
        give_up(fetch_of_easy(easy));
        return 0;
    }
    s->events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    watch(s);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx) {
    struct fetcher *fetcher = ctx;

    (void)multi;
    if (timeout_ms < 0) {
        timer_stop(fetcher->progress);
    } else {
        timer_start(fetcher->progress, timeout_ms * CLOCK_NS_PER_MS, 0);
    }
    return 0;
}

static bool set_up(struct fetcher *fetcher) {
    CURLM *multi = fetcher->multi;
    long connections = (long)fetcher->config.connections;

    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
           /* Never more run than that, so none waits for it; it makes room among those that are kept. */
           curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK;
}

enum larder_error fetcher_multi_open(struct fetcher *fetcher) {
    if (fetcher->multi != NULL) {
        return LARDER_OK;
    }
    fetcher->multi = curl_multi_init();
    if (fetcher->multi != NULL && !set_up(fetcher)) {
        fetcher_multi_close(fetcher);
    }
    return fetcher->multi == NULL ? LARDER_ERROR_NO_MEMORY : LARDER_OK;
}

void fetcher_multi_close(struct fetcher *fetcher) {
    if (fetcher->multi != NULL) {
        curl_multi_cleanup(fetcher->multi);
        fetcher->multi = NULL;
        timer_stop(fetcher->progress);
    }
}
