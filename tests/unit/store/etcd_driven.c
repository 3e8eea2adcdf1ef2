/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_driven.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOOD = 8 << 20, DAY = 86400 };

struct driven_files files;

static struct fixture *current;

/* --- the toy client --- */

struct etcd_client *etcd_client_new(const struct etcd_client_config *config, const struct etcd_io *io, void *ctx) {
    static struct etcd_client client;

    assert_int_equal(config->endpoint_count, 0);
    client = (struct etcd_client){.io = io, .ctx = ctx, .f = current};
    return &client;
}

void close_link(struct etcd_link *link) {
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

/* --- a test's surroundings --- */

static void on_deadline(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for %d seconds", 2 * TIMEOUT_S);
}

int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    current = f;
    f->loop = loop_new();
    f->deadline = timer_new(f->loop, on_deadline, NULL);
    timer_start(f->deadline, 2 * TIMEOUT_S * CLOCK_NS_PER_S, 0);
    *state = f;
    return 0;
}

int tear_down(void **state) {
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

void drive(struct fixture *f, const struct tls_files *tls) {
    const struct etcd_client_config config = {.endpoint_count = 0};
    struct buf why;

    buf_init(&why, 1000);
    f->driver = etcd_driver_new(f->loop, &config, tls, &why);
    assert_non_null(f->driver);
    assert_int_equal(why.size, 0);
}

void serve(struct fixture *f) {
    echo_server_open(&f->server, f->loop, "127.0.0.1", NULL);
    drive(f, NULL);
}

void serve_tls(struct fixture *f, const char *clients, const struct tls_files *tls) {
    f->tls = toy_server_context(files.directory, "server", clients);
    echo_server_open(&f->server, f->loop, "127.0.0.1", f->tls);
    drive(f, tls);
}

void link_to(struct fixture *f, struct etcd_link *link, const struct etcd_endpoint *endpoint, int64_t timeout_ns) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    f->link = link;
    link->f = f;
    buf_init(&link->heard, 2 * FLOOD);
    f->inside = true;
    link->handle = client->io->connect(client->ctx, link, endpoint, timeout_ns);
    f->inside = false;
    assert_non_null(link->handle);
}

struct etcd_endpoint at(enum address_kind kind, const char *host, uint16_t port, bool tls) {
    struct etcd_endpoint endpoint = {.address = {.kind = kind, .port = port}, .tls = tls};

    strcpy(endpoint.address.host, host);
    return endpoint;
}

void talk(struct fixture *f, struct etcd_link *link) {
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), f->tls != NULL);

    link_to(f, link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
}

void assert_echoed(struct etcd_link *link) {
    assert_string_equal(link->text, "");
    assert_int_equal(link->opened, 1);
    assert_int_equal(link->heard.size, link->says.size);
    assert_memory_equal(link->heard.data, link->says.data, link->says.size);
}

void end_link(struct etcd_link *link) {
    close_link(link);
    buf_fini(&link->heard);
    link->f->link = NULL;
}

static void on_look(void *ctx) {
    struct fixture *f = ctx;

    if (f->server.gone > 0) {
        loop_stop(f->loop);
    }
}

void await_gone(struct fixture *f) {
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

void much(struct fixture *f) {
    struct etcd_link link = {.says = flood()};

    talk(f, &link);
    assert_echoed(&link);
    assert_true(link.writables > 0);
    end_link(&link);
}

/* --- certificates --- */

int set_up_files(void **state) {
    struct toy_identity authority;
    struct toy_identity other;

    (void)state;
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

int tear_down_files(void **state) {
    (void)state;
    toy_directory_remove(files.directory);
    return 0;
}
