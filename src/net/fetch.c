/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/fetch_internal.h"
#include "net/fetch_url.h"
#include "net/timer.h"

_Static_assert(FETCH_WHY_MAX >= CURL_ERROR_SIZE, "libcurl's texts may be longer");

static void on_turn(void *ctx) {
    fetcher_turn(ctx);
}

static void on_idle(void *ctx) {
    fetcher_multi_close(ctx);
}

static bool set_up(struct fetcher *fetcher) {
    const char *ca_file = fetcher->config.ca_file;

    fetcher->turn = timer_new(fetcher->loop, on_turn, fetcher);
    fetcher->progress = timer_new(fetcher->loop, fetcher_multi_progress, fetcher);
    fetcher->idle = timer_new(fetcher->loop, on_idle, fetcher);
    fetcher->config.ca_file = fetcher->ca_file = ca_file == NULL ? NULL : strdup(ca_file);
    return fetcher->turn != NULL && fetcher->progress != NULL && fetcher->idle != NULL &&
           (ca_file == NULL || fetcher->ca_file != NULL);
}

struct fetcher *fetcher_new(struct loop *loop, const struct fetcher_config *config) {
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

    assert(config->connections > 0 && config->connections_per_host > 0 && config->fetches > 0 &&
           config->connect_timeout_ns > 0 && config->idle_ns > 0 && config->life_ns > 0 && config->name_ns > 0);
    if (fetcher == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(fetcher);
        return NULL;
    }
    fetcher->loop = loop;
    fetcher->config = *config;
    TAILQ_INIT(&fetcher->hosts);
    TAILQ_INIT(&fetcher->running);
    TAILQ_INIT(&fetcher->due);
    TAILQ_INIT(&fetcher->connections);
    if (!set_up(fetcher)) {
        fetcher_free(fetcher);
        return NULL;
    }
    return fetcher;
}

static struct fetch *any_fetch(struct fetcher *fetcher) {
    struct fetch *running = TAILQ_FIRST(&fetcher->running);

    return running != NULL ? running
                           : (TAILQ_EMPTY(&fetcher->hosts) ? NULL : TAILQ_FIRST(&TAILQ_FIRST(&fetcher->hosts)->line));
}

void fetcher_free(struct fetcher *fetcher) {
    struct fetch *f;

    if (fetcher == NULL) {
        return;
    }
    assert(!fetcher->in_curl && fetcher->telling == 0);
    fetcher->ending = true;
    while ((f = any_fetch(fetcher)) != NULL) {
        fetch_finish(f, LARDER_ERROR_CLOSED);
    }
    fetcher_multi_close(fetcher);
    timer_free(fetcher->turn);
    timer_free(fetcher->progress);
    timer_free(fetcher->idle);
    free(fetcher->ca_file);
    free(fetcher);
    curl_global_cleanup();
}

const struct fetcher_figures *fetcher_figures(const struct fetcher *fetcher) {
    return &fetcher->figures;
}

static enum larder_error check_fields(const struct fetch_request *request) {
    size_t size = 0;

    if (request->field_count > FETCH_REQUEST_FIELDS_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    for (size_t i = 0; i < request->field_count; i++) {
        const struct fetch_field *field = &request->fields[i];

        if (!fetch_field_is_allowed(field)) {
            return LARDER_ERROR_INVALID;
        }
        if (field->name.size > FETCH_REQUEST_HEAD_MAX || field->value.size > FETCH_REQUEST_HEAD_MAX) {
            return LARDER_ERROR_LIMIT;
        }
        size += field->name.size + field->value.size + 4;
    }
    return size > FETCH_REQUEST_HEAD_MAX ? LARDER_ERROR_LIMIT : LARDER_OK;
}

/* What libcurl would find out later: whether the host can be one. */
static enum larder_error check_host(const struct fetch_host *host) {
    CURLU *url = curl_url();
    CURLUcode code = url == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(url, CURLUPART_URL, host->origin, 0);

    curl_url_cleanup(url);
    return code == CURLUE_OK ? LARDER_OK
                             : (code == CURLUE_OUT_OF_MEMORY ? LARDER_ERROR_NO_MEMORY : LARDER_ERROR_INVALID);
}

static enum larder_error add_host(struct fetcher *fetcher, struct slice origin, struct fetch_host **ret_host) {
    struct fetch_host *host = calloc(1, sizeof(*host) + origin.size + 2);
    enum larder_error error;

    if (host == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    memcpy(host->origin, origin.data, origin.size);
    host->origin[origin.size] = '/';
    host->size = origin.size;
    TAILQ_INIT(&host->line);
    error = check_host(host);
    if (error != LARDER_OK) {
        free(host);
        return error;
    }
    TAILQ_INSERT_TAIL(&fetcher->hosts, host, link);
    *ret_host = host;
    return LARDER_OK;
}

static enum larder_error find_host(struct fetcher *fetcher, struct slice origin, struct fetch_host **ret_host) {
    struct fetch_host *host;

    TAILQ_FOREACH(host, &fetcher->hosts, link) {
        if (slice_equal(slice_make(host->origin, host->size), origin)) {
            *ret_host = host;
            return LARDER_OK;
        }
    }
    return add_host(fetcher, origin, ret_host);
}

static void on_deadline(void *ctx) {
    fetch_finish(ctx, LARDER_ERROR_TIMEOUT);
}

/* Puts it at the end of its host's line. From here on fetch_finish takes it down. */
static void line_up(struct fetch *f, struct fetcher *fetcher, struct fetch_host *host, const struct fetch_ops *ops,
                    void *ctx) {
    f->fetcher = fetcher;
    f->host = host;
    f->ops = ops;
    f->ctx = ctx;
    fetch_lines_init(&f->lines);
    TAILQ_INSERT_TAIL(&host->line, f, place);
    host->fetches++;
    fetcher->figures.fetches++;
    fetcher->figures.waiting++;
}

static enum larder_error prepare(struct fetch *f, const struct fetch_request *request, struct slice target) {
    f->method = request->method;
    f->body_max = request->body_max;
    f->deadline = timer_new(f->fetcher->loop, on_deadline, f);
    return f->deadline == NULL ? LARDER_ERROR_NO_MEMORY : fetch_easy_make(f, request, target);
}

static enum larder_error start(struct fetch *f, const struct fetch_request *request, struct slice target) {
    enum larder_error error = prepare(f, request, target);

    if (error != LARDER_OK) {
        f->dropped = true;
        fetch_finish(f, error);
        return error;
    }
    if (request->deadline_ns != INT64_MAX) {
        timer_start(f->deadline, request->deadline_ns - clock_monotonic_ns(), 0);
    }
    fetcher_kick(f->fetcher);
    return LARDER_OK;
}

static enum larder_error check(const struct fetcher *fetcher, const struct fetch_request *request,
                               struct slice *ret_origin, struct slice *ret_target) {
    if (fetcher->ending) {
        return LARDER_ERROR_CLOSED;
    }
    if (request->url.size > FETCH_URL_MAX || fetcher->figures.fetches >= fetcher->config.fetches) {
        return LARDER_ERROR_LIMIT;
    }
    if (!fetch_url_split(request->url, ret_origin, ret_target)) {
        return LARDER_ERROR_INVALID;
    }
    return check_fields(request);
}

enum larder_error fetch_start(struct fetcher *fetcher, const struct fetch_request *request, const struct fetch_ops *ops,
                              void *ctx, struct fetch **ret_fetch) {
    struct slice origin, target;
    struct fetch_host *host;
    enum larder_error error = check(fetcher, request, &origin, &target);
    struct fetch *f = error == LARDER_OK ? calloc(1, sizeof(*f)) : NULL;

    if (error != LARDER_OK || f == NULL) {
        return error != LARDER_OK ? error : LARDER_ERROR_NO_MEMORY;
    }
    error = find_host(fetcher, origin, &host);
    if (error != LARDER_OK) {
        free(f);
        return error;
    }
    line_up(f, fetcher, host, ops, ctx);
    error = start(f, request, target);
    if (error == LARDER_OK) {
        *ret_fetch = f;
    }
    return error;
}

void fetch_resume(struct fetch *f) {
    if (!f->ended && !f->dropped) {
        f->resumed = true;
        fetch_put_off(f);
    }
}

void fetch_renew(struct fetch *f, int64_t deadline_ns) {
    if (!f->ended && !f->dropped) {
        timer_start(f->deadline, deadline_ns - clock_monotonic_ns(), 0);
    }
}

void fetch_cancel(struct fetch *f) {
    if (f->ended || f->dropped) {
        return;
    }
    f->dropped = true;
    f->fetcher->figures.cancelled++;
    if (f->fetcher->in_curl) {
        fetch_put_off(f);
    } else {
        fetch_finish(f, LARDER_OK);
    }
}

const struct fetcher_config *fetcher_made_with(const struct fetcher *fetcher) {
    return &fetcher->config;
}

const char *fetch_why(const struct fetch *f) {
    return f->why;
}
