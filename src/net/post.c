/* SPDX-License-Identifier: Apache-2.0 */
#include "net/post.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/curl_error.h"

enum { POLL_MS_MAX = 60 * 1000, STATUS_FINAL_MIN = 200 };

struct post {
    CURLM *multi;
    CURL *easy;
    char problem[CURL_ERROR_SIZE];
    struct buf body; /* of the answer */
    bool too_large;  /* it would be */
    bool headed;     /* the answer's head is there, to its empty line */
};

static size_t on_line(char *data, size_t size, size_t count, void *ctx) {
    struct post *post = ctx;
    bool empty = size * count <= strlen("\r\n");
    long status = 0;

    (void)data;
    if (empty) {
        (void)curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
        post->headed = status >= STATUS_FINAL_MIN;
    }
    return size * count;
}

/* Another number than the size of what came makes libcurl give up. */
static size_t keep_body(char *data, size_t size, size_t count, void *ctx) {
    struct post *post = ctx;

    post->too_large = buf_append(&post->body, data, size * count) != LARDER_OK;
    return post->too_large ? 0 : size * count;
}

static void set_long(CURL *easy, CURLoption option, long value) {
    CURLcode code = curl_easy_setopt(easy, option, value);

    assert(code == CURLE_OK);
    (void)code;
}

struct post *post_new(const char *ca_file) {
    struct post *post = calloc(1, sizeof(*post));

    if (post == NULL) {
        return NULL;
    }
    buf_init(&post->body, POST_BODY_MAX);
    post->multi = curl_multi_init();
    post->easy = curl_easy_init();
    if (post->multi == NULL || post->easy == NULL) {
        post_free(post);
        return NULL;
    }
    set_long(post->easy, CURLOPT_NOSIGNAL, 1);
    set_long(post->easy, CURLOPT_QUICK_EXIT, 1); /* who gives up does not wait for a name that is looked up */
    set_long(post->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_long(post->easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(post->easy, CURLOPT_POST, 1);
    if (ca_file != NULL && curl_easy_setopt(post->easy, CURLOPT_CAINFO, ca_file) != CURLE_OK) {
        post_free(post);
        return NULL;
    }
    curl_easy_setopt(post->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(post->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(post->easy, CURLOPT_USERAGENT, "larder/" LARDER_VERSION);
    curl_easy_setopt(post->easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(post->easy, CURLOPT_HEADERDATA, post);
    curl_easy_setopt(post->easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(post->easy, CURLOPT_WRITEDATA, post);
    curl_easy_setopt(post->easy, CURLOPT_ERRORBUFFER, post->problem);
    return post;
}

void post_free(struct post *post) {
    if (post == NULL) {
        return;
    }
    if (post->easy != NULL) {
        curl_easy_cleanup(post->easy);
    }
    if (post->multi != NULL) {
        curl_multi_cleanup(post->multi);
    }
    buf_fini(&post->body);
    free(post);
}

void post_wake(struct post *post) {
    (void)curl_multi_wakeup(post->multi);
}

static enum larder_error error_of(CURLcode code) {
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL, or whoever answers does not speak HTTP: neither will change */
        return LARDER_ERROR_INVALID;
    case CURLE_SSL_CACERT_BADFILE: /* it may be there the next time */
        return LARDER_ERROR_IO;
    default:
        return curl_error(code);
    }
}

static int64_t left_ns(const struct post_request *request) {
    int64_t end_ns = atomic_load_explicit(request->end_ns, memory_order_acquire);

    return (request->deadline_ns < end_ns ? request->deadline_ns : end_ns) - clock_monotonic_ns();
}

static int poll_ms(int64_t ns) {
    int64_t ms = (ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;

    return ms > POLL_MS_MAX ? POLL_MS_MAX : (int)ms;
}

/* Until the transfer, the only one, has ended. */
static CURLcode run(struct post *post, const struct post_request *request) {
    for (;;) {
        int running = 0, queued;
        int64_t wait_ns;
        CURLMsg *message;

        if (curl_multi_perform(post->multi, &running) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
        message = curl_multi_info_read(post->multi, &queued);
        if (message != NULL && message->msg == CURLMSG_DONE) {
            return message->data.result;
        }
        wait_ns = left_ns(request);
        if (wait_ns <= 0) {
            return CURLE_OPERATION_TIMEDOUT;
        }
        if (curl_multi_poll(post->multi, NULL, 0, poll_ms(wait_ns), NULL) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
}

static bool add_line(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

static bool prepare(struct post *post, const struct post_request *request, struct curl_slist **lines) {
    /* No asking before the body is sent. */
    bool done = add_line(lines, "Expect:") && add_line(lines, request->content_type);

    for (size_t i = 0; i < request->field_count; i++) {
        done = done && add_line(lines, request->fields[i]);
    }
    return done && curl_easy_setopt(post->easy, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, *lines) == CURLE_OK &&
           curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, request->body.data) == CURLE_OK &&
           curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size) == CURLE_OK;
}

/* Of a body that is too large the status says all that counts; an answer that ended within its head is none, which libcurl
 * takes for one. */
static CURLcode outcome(const struct post *post, CURLcode code) {
    if (post->too_large) {
        return CURLE_OK;
    }
    return code == CURLE_OK && !post->headed ? CURLE_GOT_NOTHING : code;
}

static void take_answer(struct post *post, CURLcode code, struct post_answer *answer) {
    long status = 0;
    curl_off_t retry_after = 0;

    if (code != CURLE_OK) {
        snprintf(answer->why, sizeof(answer->why), "%.*s", POST_WHY_MAX - 1,
                 post->problem[0] != '\0' ? post->problem : curl_easy_strerror(code));
        return;
    }
    (void)curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer->status = (unsigned)status;
    answer->retry_after_s = retry_after > 0 ? (int64_t)retry_after : 0;
    answer->body = post->too_large ? SLICE("") : buf_slice(&post->body);
    snprintf(answer->why, sizeof(answer->why), "status %ld", status);
}

enum larder_error post_send(struct post *post, const struct post_request *request, struct post_answer *ret_answer) {
    struct curl_slist *lines = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    *ret_answer = (struct post_answer){.status = 0};
    post->problem[0] = '\0';
    post->body.size = 0;
    post->too_large = post->headed = false;
    if (prepare(post, request, &lines) && curl_multi_add_handle(post->multi, post->easy) == CURLM_OK) {
        code = outcome(post, run(post, request));
        (void)curl_multi_remove_handle(post->multi, post->easy);
    }
    take_answer(post, code, ret_answer);
    (void)curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(lines);
    return error_of(code);
}
