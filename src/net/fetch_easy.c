/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/fetch_internal.h"

static void set_long(CURL *easy, CURLoption option, long value) {
    CURLcode code = curl_easy_setopt(easy, option, value);

    assert(code == CURLE_OK);
    (void)code;
}

/* Copies of strings may fail. */
static bool set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value) == CURLE_OK;
}

static long to_units(int64_t ns, int64_t unit) {
    int64_t units = ns / unit + (ns % unit != 0);

    return units > INT32_MAX ? INT32_MAX : (long)units;
}

static void set_limits(CURL *easy, const struct fetcher *fetcher) {
    const struct fetcher_config *config = &fetcher->config;
    int64_t name_ns = fetcher->in_doubt && config->name_ns > FETCH_NAME_DOUBT_S * CLOCK_NS_PER_S
                          ? FETCH_NAME_DOUBT_S * CLOCK_NS_PER_S
                          : config->name_ns;

    set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, to_units(config->connect_timeout_ns, CLOCK_NS_PER_MS));
    set_long(easy, CURLOPT_MAXAGE_CONN, to_units(config->idle_ns, CLOCK_NS_PER_S));
    set_long(easy, CURLOPT_MAXLIFETIME_CONN, to_units(config->life_ns, CLOCK_NS_PER_S));
    set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, to_units(name_ns, CLOCK_NS_PER_S));
    set_long(easy, CURLOPT_BUFFERSIZE, FETCH_PIECE_MAX);
    set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(easy, CURLOPT_NOSIGNAL, 1);
#if CURL_AT_LEAST_VERSION(7, 87, 0)
    set_long(easy, CURLOPT_CA_CACHE_TIMEOUT, to_units(config->life_ns, CLOCK_NS_PER_S));
#endif
    /* Without it a transfer that is given up while its name is looked up waits for that, and the loop with it. */
    set_long(easy, CURLOPT_QUICK_EXIT, 1);
}

static bool set_target(struct fetch *f, struct slice target) {
    struct buf text;
    bool done;

    buf_init(&text, FETCH_URL_MAX + 2);
    done = (target.size > 0 && target.data[0] == '/') || buf_append(&text, "/", 1) == LARDER_OK;
    done = done && buf_append_slice(&text, target) == LARDER_OK && buf_append(&text, "", 1) == LARDER_OK &&
           set_text(f->easy, CURLOPT_REQUEST_TARGET, text.data);
    buf_fini(&text);
    return done;
}

static bool add_line(struct fetch *f, const char *line) {
    struct curl_slist *longer = curl_slist_append(f->fields, line);

    if (longer == NULL) {
        return false;
    }
    f->fields = longer;
    return true;
}

static bool is_blank(struct slice value) {
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value = slice_skip(value, 1);
    }
    return value.size == 0;
}

/* "Name;" is how libcurl is told to send a field without a value; "Name:" would mean that it must send none. */
static bool add_field(struct fetch *f, const struct fetch_field *field, struct buf *line) {
    bool is_empty = is_blank(field->value);

    line->size = 0;
    return buf_append_slice(line, field->name) == LARDER_OK &&
           buf_append_slice(line, is_empty ? SLICE(";") : SLICE(": ")) == LARDER_OK &&
           (is_empty || buf_append_slice(line, field->value) == LARDER_OK) && buf_append(line, "", 1) == LARDER_OK &&
           add_line(f, line->data);
}

static bool is_accept(struct slice name) {
    return name.size == strlen("Accept") && strncasecmp(name.data, "Accept", name.size) == 0;
}

static bool set_fields(struct fetch *f, const struct fetch_request *request) {
    bool accepts = false;
    bool done = true;
    struct buf line;

    buf_init(&line, FETCH_REQUEST_HEAD_MAX + 1);
    for (size_t i = 0; done && i < request->field_count; i++) {
        accepts = accepts || is_accept(request->fields[i].name);
        done = add_field(f, &request->fields[i], &line);
    }
    buf_fini(&line);
    /* libcurl would send one of its own. */
    done = done && (accepts || add_line(f, "Accept:"));
    return done && curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->fields) == CURLE_OK;
}

enum larder_error fetch_easy_make(struct fetch *f, const struct fetch_request *request, struct slice target) {
    CURL *easy = curl_easy_init();
    const char *ca_file = f->fetcher->ca_file;

    f->easy = easy;
    if (easy == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    fetch_answer_listen(f);
    set_limits(easy, f->fetcher);
    set_long(easy, request->method == FETCH_HEAD ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1);
    return set_text(easy, CURLOPT_URL, f->host->origin) && set_target(f, target) && set_fields(f, request) &&
                   set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") && set_text(easy, CURLOPT_PROXY, "") &&
                   set_text(easy, CURLOPT_USERAGENT, "larder/" LARDER_VERSION) &&
                   (ca_file == NULL ||
                    (set_text(easy, CURLOPT_CAINFO, ca_file) && set_text(easy, CURLOPT_CAPATH, NULL)))
               ? LARDER_OK
               : LARDER_ERROR_NO_MEMORY;
}

void fetch_easy_free(struct fetch *f) {
    curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->fields);
}

struct fetch *fetch_of_easy(CURL *easy) {
    char *owner = NULL;

    return curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner) == CURLE_OK ? (struct fetch *)(void *)owner : NULL;
}
