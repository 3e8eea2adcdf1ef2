/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_ETCD_DRIVEN_H
#define LARDER_TESTS_STORE_ETCD_DRIVEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../net/toy_tls.h"
#include "base/clock.h"
#include "net/timer.h"
#include "store/etcd/driver.h"
#include "toy_echo.h"

/* The driver with a client that is a toy: links that write down what they are told. The toy takes the place of the real client
 * in a program that links etcd_driven.c. */

enum { TIMEOUT_S = 30 };

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

/* Made by set_up_files. */
struct driven_files {
    char directory[TOY_PATH_MAX];
    char ca[TOY_PATH_MAX];
    char other_ca[TOY_PATH_MAX];
    char certificate[TOY_PATH_MAX];
    char key[TOY_PATH_MAX];
};

extern struct driven_files files;

/* Of a group: authorities, and the certificates of a server and a client. */
int set_up_files(void **state);
int tear_down_files(void **state);

/* Of a test: a loop, which fails the test after a while. */
int set_up(void **state);
int tear_down(void **state);

#define DRIVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A driver; `tls` is NULL if none of its links has TLS. */
void drive(struct fixture *f, const struct tls_files *tls);

/* The same, and a server that sends back what it hears; `clients` is the file of the authority that a client's certificate
 * has to be of, NULL: it needs none. */
void serve(struct fixture *f);
void serve_tls(struct fixture *f, const char *clients, const struct tls_files *tls);

struct etcd_endpoint at(enum address_kind kind, const char *host, uint16_t port, bool tls);

/* Begins to connect. */
void link_to(struct fixture *f, struct etcd_link *link, const struct etcd_endpoint *endpoint, int64_t timeout_ns);

/* Connects to the server by the name of localhost, and runs until the link stops the loop. */
void talk(struct fixture *f, struct etcd_link *link);

/* Sends more than a socket takes to the server, and wants it back. */
void much(struct fixture *f);

void assert_echoed(struct etcd_link *link);

/* The client gives the connection up, if it still has it; end_link frees what was heard, too. */
void close_link(struct etcd_link *link);
void end_link(struct etcd_link *link);

/* Until the server has seen a connection end. */
void await_gone(struct fixture *f);

#endif
