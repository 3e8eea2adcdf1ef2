/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_collector.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"

enum { PATIENCE_S = 60, CONNECTIONS_MAX = 256, POSTS_MAX = 256, HEAD_MAX = 64 << 10, BODY_MAX = 16 << 20 };

struct connection {
    struct toy_collector *collector;
    pthread_t thread;
    int fd;
};

struct toy_collector {
    const struct toy_answer *answers;
    size_t answer_count;
    struct sockaddr_in address;
    char url[40];
    int keeper; /* has the port, and never listens */
    int listener;
    pthread_t thread;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool held, shut;
    size_t connection_count, post_count;
    struct connection connections[CONNECTIONS_MAX];
    struct toy_post posts[POSTS_MAX];
};

/* --- one connection --- */

static bool say(int fd, struct slice bytes) {
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        bytes = slice_skip(bytes, (size_t)sent);
    }
    return true;
}

static bool ends_head(const struct buf *head) {
    return head->size >= 4 && memcmp(head->data + head->size - 4, "\r\n\r\n", 4) == 0;
}

static bool hear_head(int fd, struct buf *head) {
    char byte;

    while (!ends_head(head)) {
        if (recv(fd, &byte, 1, 0) != 1 || buf_append(head, &byte, 1) != LARDER_OK) {
            return false;
        }
    }
    return true;
}

static uint64_t length_of(const struct buf *head) {
    static const char name[] = "Content-Length: ";
    const char *at = memmem(head->data, head->size, name, strlen(name));
    uint64_t length = 0;

    if (at != NULL) {
        at += strlen(name);
        (void)number_parse_u64(slice_make(at, strcspn(at, "\r")), &length);
    }
    return length;
}

static bool hear_body(int fd, uint64_t size, struct buf *body) {
    while (body->size < size) {
        ssize_t got;

        if (buf_reserve(body, (size_t)size - body->size) != LARDER_OK) {
            return false;
        }
        got = recv(fd, body->data + body->size, (size_t)size - body->size, 0);
        if (got <= 0) {
            return false;
        }
        body->size += (size_t)got;
    }
    return true;
}

static void free_post(struct toy_post *post) {
    buf_fini(&post->head);
    buf_fini(&post->body);
}

/* Keeps the post, and waits until it may be answered. NULL: it is not to be. */
static const struct toy_answer *keep(struct toy_collector *c, struct toy_post *post) {
    const struct toy_answer *answer;

    pthread_mutex_lock(&c->lock);
    answer = &c->answers[c->post_count < c->answer_count ? c->post_count : c->answer_count - 1];
    if (c->post_count < POSTS_MAX) {
        c->posts[c->post_count++] = *post;
        pthread_cond_broadcast(&c->changed);
    } else {
        free_post(post);
    }
    while (c->held && !c->shut) {
        pthread_cond_wait(&c->changed, &c->lock);
    }
    answer = c->shut ? NULL : answer;
    pthread_mutex_unlock(&c->lock);
    return answer;
}

static void await_end(int fd) {
    char byte;

    while (recv(fd, &byte, 1, 0) == 1) {
    }
}

/* False: that was the last one. */
static bool give(int fd, const struct toy_answer *answer) {
    bool said = say(fd, answer->bytes);

    while (said && answer->then == TOY_REPEATS) {
        said = say(fd, answer->bytes);
    }
    if (said && answer->then == TOY_HANGS) {
        await_end(fd);
    }
    return said && answer->then == TOY_LISTENS;
}

static void *serve(void *arg) {
    struct connection *connection = arg;
    const struct toy_answer *answer;
    struct toy_post post;

    do {
        buf_init(&post.head, HEAD_MAX);
        buf_init(&post.body, BODY_MAX);
        if (!hear_head(connection->fd, &post.head) || !hear_body(connection->fd, length_of(&post.head), &post.body)) {
            free_post(&post);
            break;
        }
        answer = keep(connection->collector, &post);
    } while (answer != NULL && give(connection->fd, answer));
    shutdown(connection->fd, SHUT_RDWR); /* it is closed by whoever joins */
    return NULL;
}

/* --- all of them --- */

static void *accept_all(void *arg) {
    struct toy_collector *c = arg;
    int fd;

    while ((fd = accept(c->listener, NULL, NULL)) >= 0) {
        struct connection *connection;

        pthread_mutex_lock(&c->lock);
        connection = c->connection_count < CONNECTIONS_MAX ? &c->connections[c->connection_count] : NULL;
        if (connection != NULL) {
            *connection = (struct connection){.collector = c, .fd = fd};
            c->connection_count += pthread_create(&connection->thread, NULL, serve, connection) == 0;
        } else {
            close(fd);
        }
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

static int socket_at(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    return fd;
}

void toy_collector_open(struct toy_collector *c) {
    c->listener = socket_at(&c->address);
    assert_int_equal(listen(c->listener, 64), 0);
    c->shut = false;
    assert_int_equal(pthread_create(&c->thread, NULL, accept_all, c), 0);
}

void toy_collector_shut(struct toy_collector *c) {
    shutdown(c->listener, SHUT_RDWR);
    pthread_join(c->thread, NULL);
    close(c->listener);
    pthread_mutex_lock(&c->lock);
    c->shut = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->connection_count; i++) { /* nobody else is left who changes them */
        if (c->connections[i].fd >= 0) {
            shutdown(c->connections[i].fd, SHUT_RDWR);
            pthread_join(c->connections[i].thread, NULL);
            close(c->connections[i].fd);
            c->connections[i].fd = -1;
        }
    }
}

struct toy_collector *toy_collector_new(const struct toy_answer *answers, size_t count) {
    struct toy_collector *c = calloc(1, sizeof(*c));
    pthread_condattr_t attributes;
    socklen_t size = sizeof(c->address);

    assert_non_null(c);
    c->answers = answers;
    c->answer_count = count;
    c->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->keeper = socket_at(&c->address);
    assert_int_equal(getsockname(c->keeper, (struct sockaddr *)&c->address, &size), 0);
    snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%u", (unsigned)ntohs(c->address.sin_port));
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    toy_collector_open(c);
    return c;
}

void toy_collector_free(struct toy_collector *c) {
    if (!c->shut) {
        toy_collector_shut(c);
    }
    for (size_t i = 0; i < c->post_count; i++) {
        free_post(&c->posts[i]);
    }
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    close(c->keeper);
    free(c);
}

const char *toy_collector_url(const struct toy_collector *c) {
    return c->url;
}

/* --- what tests see and say --- */

static void set_held(struct toy_collector *c, bool held) {
    pthread_mutex_lock(&c->lock);
    c->held = held;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void toy_collector_hold(struct toy_collector *c) {
    set_held(c, true);
}

void toy_collector_release(struct toy_collector *c) {
    set_held(c, false);
}

void toy_collector_await(struct toy_collector *c, size_t posts) {
    int64_t until_ns = clock_monotonic_ns() + PATIENCE_S * CLOCK_NS_PER_S;
    struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_S, .tv_nsec = until_ns % CLOCK_NS_PER_S};
    int waited = 0;
    size_t count;

    pthread_mutex_lock(&c->lock);
    while (c->post_count < posts && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&c->changed, &c->lock, &until);
    }
    count = c->post_count;
    pthread_mutex_unlock(&c->lock);
    if (count < posts) {
        fail_msg("%zu posts instead of %zu after %d s", count, posts, PATIENCE_S);
    }
}

size_t toy_collector_count(struct toy_collector *c) {
    size_t count;

    pthread_mutex_lock(&c->lock);
    count = c->post_count;
    pthread_mutex_unlock(&c->lock);
    return count;
}

size_t toy_collector_connections(struct toy_collector *c) {
    size_t count;

    pthread_mutex_lock(&c->lock);
    count = c->connection_count;
    pthread_mutex_unlock(&c->lock);
    return count;
}

const struct toy_post *toy_collector_post(struct toy_collector *c, size_t at) {
    assert_true(at < toy_collector_count(c));
    return &c->posts[at];
}
