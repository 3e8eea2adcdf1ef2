/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netdb.h>
#include <semaphore.h>

#include "../net/toy_tls.h"
#include "base/clock.h"
#include "net/timer.h"
#include "store/etcd/driver.h"
#include "toy_echo.h"

/* The driver with a client that is a toy: links that write down what they are told. */

enum { FLOOD = 8 << 20, TIMEOUT_S = 30, DAY = 86400 };

struct fixture;

struct etcd_link {
    struct fixture *f;
    void *handle;
    struct slice says; /* written when it is open */
    size_t said;
    struct buf heard;
    int opened;
    int writables;
    int closed;
    enum larder_error error;
    char text[200];
    bool close_when_open;
    bool close_when_heard;
    bool awaits_more; /* the loop goes on when all that was said was heard */
};

struct etcd_client {
    const struct etcd_io *io;
    void *ctx;
    struct fixture *f;
    int runs;
};

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    struct etcd_driver *driver;
    struct echo_server server;
    SSL_CTX *tls;
    bool inside;            /* a function of etcd_io */
    int64_t run_again_ns;   /* etcd_client_run wishes for that, once; 0: nothing */
    struct etcd_link *link; /* closed with the client */
};

static struct fixture *current;

static struct {
    char directory[TOY_PATH_MAX];
    char ca[TOY_PATH_MAX];
    char other_ca[TOY_PATH_MAX];
    char certificate[TOY_PATH_MAX];
    char key[TOY_PATH_MAX];
} files;

/* --- the toy client --- */

struct etcd_client *etcd_client_new(const struct etcd_client_config *config, const struct etcd_io *io, void *ctx) {
    static struct etcd_client client;

    assert_int_equal(config->endpoint_count, 0);
    client = (struct etcd_client){.io = io, .ctx = ctx, .f = current};
    return &client;
}

static void close_link(struct etcd_link *link) {
    struct etcd_client *client = etcd_driver_client(link->f->driver);
    void *handle = link->handle;

    if (handle != NULL) {
        link->handle = NULL;
        link->f->inside = true;
        client->io->close(client->ctx, handle);
        link->f->inside = false;
    }
}

void etcd_client_free(struct etcd_client *client) {
    if (client != NULL && client->f->link != NULL && client->f->link->handle != NULL) {
        client->io->close(client->ctx, client->f->link->handle);
        client->f->link->handle = NULL;
    }
}

void etcd_client_run(struct etcd_client *client) {
    struct fixture *f = client->f;

    client->runs++;
    if (f->run_again_ns != 0) {
        client->io->wake_at(client->ctx, f->run_again_ns);
        f->run_again_ns = 0;
    } else {
        loop_stop(f->loop);
    }
}

static void write_more(struct etcd_link *link) {
    struct etcd_client *client = etcd_driver_client(link->f->driver);

    while (link->handle != NULL && link->said < link->says.size) {
        struct slice left = slice_skip(link->says, link->said);
        size_t first = left.size < 9 ? left.size : 9; /* the head of a frame, say */
        struct iovec pieces[] = {{(void *)(uintptr_t)left.data, first},
                                 {(void *)(uintptr_t)(left.data + first), left.size - first}};
        enum larder_error error;
        size_t written = 77;

        link->f->inside = true;
        error = client->io->write(client->ctx, link->handle, pieces, 2, &written);
        link->f->inside = false;
        if (error != LARDER_OK) {
            assert_int_equal(written, 0);
            return;
        }
        link->said += written;
        if (written < left.size) {
            return;
        }
    }
}

void etcd_link_opened(struct etcd_link *link) {
    assert_false(link->f->inside);
    assert_non_null(link->handle);
    link->opened++;
    if (link->close_when_open) {
        close_link(link);
        loop_stop(link->f->loop);
        return;
    }
    write_more(link);
    if (link->says.size == 0) {
        loop_stop(link->f->loop);
    }
}

void etcd_link_input(struct etcd_link *link, struct slice bytes) {
    assert_false(link->f->inside);
    assert_non_null(link->handle);
    assert_int_equal(link->opened, 1);
    assert_true(bytes.size > 0);
    assert_int_equal(buf_append_slice(&link->heard, bytes), LARDER_OK);
    if (link->close_when_heard) {
        close_link(link);
        loop_stop(link->f->loop);
    } else if (link->heard.size == link->says.size && !link->awaits_more) {
        loop_stop(link->f->loop);
    }
}

void etcd_link_writable(struct etcd_link *link) {
    assert_false(link->f->inside);
    assert_non_null(link->handle);
    link->writables++;
    write_more(link);
}

void etcd_link_closed(struct etcd_link *link, enum larder_error error, struct slice text) {
    assert_false(link->f->inside);
    assert_non_null(link->handle);
    link->handle = NULL;
    link->closed++;
    link->error = error;
    snprintf(link->text, sizeof(link->text), "%.*s", (int)text.size, text.data);
    loop_stop(link->f->loop);
}

/* --- the toy names --- */

static struct {
    uint16_t ports[2]; /* of 127.0.0.1: the addresses of "several.invalid" */
    sem_t slow;        /* "slow.invalid" is looked up until it is posted */
    sem_t begun;
} names;

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found);

static int find_several(struct addrinfo **ret_found) {
    static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo **end = ret_found;

    for (int i = 0; i < 2; i++) {
        char port[8];

        snprintf(port, sizeof(port), "%u", (unsigned)names.ports[i]);
        assert_int_equal(__real_getaddrinfo("127.0.0.1", port, &hints, end), 0);
        end = &(*end)->ai_next;
    }
    return 0;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found) {
    if (strcmp(host, "several.invalid") == 0) {
        return find_several(ret_found);
    }
    if (strcmp(host, "slow.invalid") == 0) {
        sem_post(&names.begun);
        sem_wait(&names.slow);
        return EAI_FAIL;
    }
    return __real_getaddrinfo(host, port, hints, ret_found);
}

/* --- a test's surroundings --- */

static void on_deadline(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for %d seconds", 2 * TIMEOUT_S);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    current = f;
    f->loop = loop_new();
    f->deadline = timer_new(f->loop, on_deadline, NULL);
    timer_start(f->deadline, 2 * TIMEOUT_S * CLOCK_NS_PER_S, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    etcd_driver_free(f->driver);
    if (f->server.listener != NULL) {
        echo_server_close(&f->server);
    }
    timer_free(f->deadline);
    loop_free(f->loop);
    SSL_CTX_free(f->tls);
    free(f);
    return 0;
}

static void drive(struct fixture *f, const struct tls_files *tls) {
    const struct etcd_client_config config = {.endpoint_count = 0};
    struct buf why;

    buf_init(&why, 1000);
    f->driver = etcd_driver_new(f->loop, &config, tls, &why);
    assert_non_null(f->driver);
    assert_int_equal(why.size, 0);
}

static void serve(struct fixture *f) {
    echo_server_open(&f->server, f->loop, "127.0.0.1", NULL);
    drive(f, NULL);
}

static void serve_tls(struct fixture *f, const char *clients, const struct tls_files *tls) {
    f->tls = toy_server_context(files.directory, "server", clients);
    echo_server_open(&f->server, f->loop, "127.0.0.1", f->tls);
    drive(f, tls);
}

static void link_to(struct fixture *f, struct etcd_link *link, const struct etcd_endpoint *endpoint,
                    int64_t timeout_ns) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    f->link = link;
    link->f = f;
    buf_init(&link->heard, 2 * FLOOD);
    f->inside = true;
    link->handle = client->io->connect(client->ctx, link, endpoint, timeout_ns);
    f->inside = false;
    assert_non_null(link->handle);
}

static struct etcd_endpoint at(enum address_kind kind, const char *host, uint16_t port, bool tls) {
    struct etcd_endpoint endpoint = {.address = {.kind = kind, .port = port}, .tls = tls};

    strcpy(endpoint.address.host, host);
    return endpoint;
}

/* Connects to the server by the name of localhost, and runs until the link stops the loop. */
static void talk(struct fixture *f, struct etcd_link *link) {
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), f->tls != NULL);

    link_to(f, link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
}

static void assert_echoed(struct etcd_link *link) {
    assert_string_equal(link->text, "");
    assert_int_equal(link->opened, 1);
    assert_int_equal(link->heard.size, link->says.size);
    assert_memory_equal(link->heard.data, link->says.data, link->says.size);
}

static void end_link(struct etcd_link *link) {
    close_link(link);
    buf_fini(&link->heard);
    link->f->link = NULL;
}

/* Until the server has seen a connection end. */
static void on_look(void *ctx) {
    struct fixture *f = ctx;

    if (f->server.gone > 0) {
        loop_stop(f->loop);
    }
}

static void await_gone(struct fixture *f) {
    struct timer *look = timer_new(f->loop, on_look, f);

    timer_start(look, 0, CLOCK_NS_PER_MS);
    loop_run(f->loop);
    timer_free(look);
    assert_true(f->server.gone > 0);
}

static struct slice flood(void) {
    static char bytes[FLOOD];

    for (size_t i = 0; i < FLOOD; i++) {
        bytes[i] = (char)(i * 31 + i / 251);
    }
    return slice_make(bytes, FLOOD);
}

/* --- plain --- */

static void plain_by_name(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve(f);
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
}

static void plain_by_number(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), false);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_echoed(&link);
    end_link(&link);
}

static void much(struct fixture *f) {
    struct etcd_link link = {.says = flood()};

    talk(f, &link);
    assert_echoed(&link);
    assert_true(link.writables > 0);
    end_link(&link);
}

static void plain_in_parts(void **state) {
    serve(*state);
    much(*state);
}

static void nobody_there_is_refused(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), false);
    listener_close(f->server.listener);
    f->server.listener = NULL;
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    assert_int_equal(link.opened, 0);
    /* The same by name, where several addresses may be tried. */
    endpoint.address.kind = ADDRESS_NAME;
    strcpy(endpoint.address.host, "localhost");
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 2);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    end_link(&link);
}

static void a_name_that_is_not_there(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "something.invalid", 2379, false);

    drive(f, NULL);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_true(link.error == LARDER_ERROR_NOT_FOUND || link.error == LARDER_ERROR_TIMEOUT);
    assert_non_null(strstr(link.text, "its name"));
    end_link(&link);
}

/* A port of this host where nobody listens: of a listener that has been closed. */
static uint16_t closed_port(struct fixture *f) {
    struct echo_server server;
    uint16_t port;

    echo_server_open(&server, f->loop, "127.0.0.1", NULL);
    port = echo_server_port(&server);
    echo_server_close(&server);
    return port;
}

static void addresses_are_tried_one_after_another(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "several.invalid", 2379, false);

    serve(f);
    names.ports[0] = closed_port(f);
    names.ports[1] = echo_server_port(&f->server);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_echoed(&link);
    end_link(&link);
}

static void all_addresses_refuse(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "several.invalid", 2379, false);

    drive(f, NULL);
    names.ports[0] = closed_port(f);
    names.ports[1] = closed_port(f);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    assert_int_equal(link.opened, 0);
    end_link(&link);
}

static void a_name_that_takes_too_long(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "slow.invalid", 2379, false);

    drive(f, NULL);
    link_to(f, &link, &endpoint, 50 * CLOCK_NS_PER_MS);
    loop_run(f->loop); /* the loop does not wait for the name */
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_TIMEOUT);
    assert_string_equal(link.text, "its name was not looked up in time");
    sem_wait(&names.begun);
    sem_post(&names.slow);
    end_link(&link);
}

/* The thread is at work on the name when its connection is given up, and answers after it. */
static void given_up_while_a_name_is_looked_up(void **state) {
    struct fixture *f = *state;
    struct etcd_link gone = {.says = SLICE("hello")};
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "slow.invalid", 2379, false);

    serve(f);
    link_to(f, &gone, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    sem_wait(&names.begun);
    end_link(&gone);
    sem_post(&names.slow);
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(gone.closed, 0);
    end_link(&link);
}

static void the_end_is_told(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .awaits_more = true};

    serve(f);
    f->server.ends = true;
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_CLOSED);
    end_link(&link);
}

/* --- with TLS --- */

static void tls_by_name(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
    await_gone(f);
    assert_int_equal(f->server.goodbyes, 1);
}

static void tls_with_a_certificate(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve_tls(f, "ca.pem", &(struct tls_files){.ca = files.ca, .certificate = files.certificate, .key = files.key});
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
}

static void tls_in_parts(void **state) {
    serve_tls(*state, NULL, &(struct tls_files){.ca = files.ca});
    much(*state);
}

static void assert_closed(struct etcd_link *link, enum larder_error error, const char *part) {
    assert_int_equal(link->closed, 1);
    assert_int_equal(link->error, error);
    if (strstr(link->text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, link->text);
    }
    end_link(link);
}

static void tls_that_is_not_trusted(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.other_ca});
    talk(f, &link);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "not trusted");
}

static void tls_without_the_certificate_it_wants(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, "ca.pem", &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "certificate required");
}

static void tls_to_a_server_without(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), true);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "TLS: ");
}

static void tls_that_is_not_answered(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    f->server.is_mute = true;
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), true);
    link_to(f, &link, &endpoint, 200 * CLOCK_NS_PER_MS);
    loop_run(f->loop);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_TIMEOUT, "shake hands");
}

static void tls_goodbye_is_told(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .awaits_more = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    f->server.ends = true;
    talk(f, &link);
    assert_int_equal(link.heard.size, link.says.size);
    assert_closed(&link, LARDER_ERROR_CLOSED, "");
}

static void files_that_cannot_be_read(void **state) {
    struct fixture *f = *state;
    const struct etcd_client_config config = {.endpoint_count = 0};
    struct buf why;

    buf_init(&why, 1000);
    assert_null(etcd_driver_new(f->loop, &config, &(struct tls_files){.ca = "/nowhere"}, &why));
    assert_non_null(memmem(why.data, why.size, "/nowhere", 8));
    buf_fini(&why);
}

/* --- given up --- */

static void given_up_when_open(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_open = true};

    serve(f);
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

static void given_up_when_open_with_tls(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_open = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

static void given_up_when_heard_with_tls(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_heard = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    f->server.ends = true; /* the goodbye comes with the last bytes */
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

/* While the name is looked up, and while the connection is made: nothing is heard of it. */
static void given_up_at_once(void **state) {
    struct fixture *f = *state;
    struct etcd_link gone = {.says = SLICE("hello")};
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), false);
    for (int i = 0; i < 10; i++) {
        link_to(f, &gone, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
        close_link(&gone);
    }
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(gone.opened + gone.closed, 0);
    assert_int_equal(f->server.accepted, 1);
    end_link(&gone);
    end_link(&link);
}

static void freed_with_a_connection_open(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_echoed(&link);
    etcd_driver_free(f->driver);
    f->driver = NULL;
    buf_fini(&link.heard);
}

static void freed_while_connecting(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), false);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    etcd_driver_free(f->driver);
    f->driver = NULL;
    assert_int_equal(link.opened + link.closed, 0);
}

/* --- time --- */

static void wish(struct fixture *f, int64_t at_ns) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    f->inside = true;
    client->io->wake_at(client->ctx, at_ns);
    f->inside = false;
}

static int64_t now(struct fixture *f) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    return client->io->now_ns(client->ctx);
}

static void it_is_woken_when_it_wishes(void **state) {
    struct fixture *f = *state;
    int64_t at_ns;

    drive(f, NULL);
    wish(f, now(f)); /* at once */
    assert_int_equal(etcd_driver_client(f->driver)->runs, 0);
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 1);
    at_ns = now(f) + 20 * CLOCK_NS_PER_MS;
    wish(f, at_ns);
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 2);
    assert_true(now(f) >= at_ns); /* never early */
}

static void the_newest_wish_counts(void **state) {
    struct fixture *f = *state;
    int64_t at_ns;

    drive(f, NULL);
    wish(f, now(f) + 3600 * CLOCK_NS_PER_S);
    wish(f, now(f) + 5 * CLOCK_NS_PER_MS);
    at_ns = now(f) + 40 * CLOCK_NS_PER_MS;
    wish(f, at_ns); /* later than the one before */
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 1);
    assert_true(now(f) >= at_ns);
}

static void stop(void *ctx) {
    struct fixture *f = ctx;

    loop_stop(f->loop);
}

static void a_wish_is_taken_back(void **state) {
    struct fixture *f = *state;
    struct timer *later = timer_new(f->loop, stop, f);

    drive(f, NULL);
    wish(f, now(f) + 5 * CLOCK_NS_PER_MS);
    wish(f, INT64_MAX);
    timer_start(later, 30 * CLOCK_NS_PER_MS, 0);
    loop_run(f->loop);
    timer_free(later);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 0);
}

/* A client that is due again at once leaves the others of the loop their turn. */
static void a_wish_while_it_runs(void **state) {
    struct fixture *f = *state;

    drive(f, NULL);
    f->run_again_ns = now(f);
    wish(f, now(f));
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 2);
}

/* --- certificates --- */

static int set_up_files(void **state) {
    struct toy_identity authority;
    struct toy_identity other;

    (void)state;
    sem_init(&names.slow, 0, 0);
    sem_init(&names.begun, 0, 0);
    toy_directory_make(files.directory);
    toy_authority(files.directory, "ca", &authority);
    toy_authority(files.directory, "other", &other);
    toy_certificate(files.directory, "server", &authority, "DNS:localhost,IP:127.0.0.1", -DAY, DAY);
    toy_certificate(files.directory, "client", &authority, "DNS:client", -DAY, DAY);
    toy_identity_free(&authority);
    toy_identity_free(&other);
    toy_path(files.directory, "ca.pem", files.ca);
    toy_path(files.directory, "other.pem", files.other_ca);
    toy_path(files.directory, "client.pem", files.certificate);
    toy_path(files.directory, "client.key", files.key);
    return 0;
}

static int tear_down_files(void **state) {
    (void)state;
    toy_directory_remove(files.directory);
    return 0;
}

#define DRIVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(plain_by_name),
        DRIVER_TEST(plain_by_number),
        DRIVER_TEST(plain_in_parts),
        DRIVER_TEST(nobody_there_is_refused),
        DRIVER_TEST(a_name_that_is_not_there),
        DRIVER_TEST(addresses_are_tried_one_after_another),
        DRIVER_TEST(all_addresses_refuse),
        DRIVER_TEST(a_name_that_takes_too_long),
        DRIVER_TEST(given_up_while_a_name_is_looked_up),
        DRIVER_TEST(the_end_is_told),
        DRIVER_TEST(tls_by_name),
        DRIVER_TEST(tls_with_a_certificate),
        DRIVER_TEST(tls_in_parts),
        DRIVER_TEST(tls_that_is_not_trusted),
        DRIVER_TEST(tls_without_the_certificate_it_wants),
        DRIVER_TEST(tls_to_a_server_without),
        DRIVER_TEST(tls_that_is_not_answered),
        DRIVER_TEST(tls_goodbye_is_told),
        DRIVER_TEST(files_that_cannot_be_read),
        DRIVER_TEST(given_up_when_open),
        DRIVER_TEST(given_up_when_open_with_tls),
        DRIVER_TEST(given_up_when_heard_with_tls),
        DRIVER_TEST(given_up_at_once),
        DRIVER_TEST(freed_with_a_connection_open),
        DRIVER_TEST(freed_while_connecting),
        DRIVER_TEST(it_is_woken_when_it_wishes),
        DRIVER_TEST(the_newest_wish_counts),
        DRIVER_TEST(a_wish_is_taken_back),
        DRIVER_TEST(a_wish_while_it_runs),
    };

    return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
