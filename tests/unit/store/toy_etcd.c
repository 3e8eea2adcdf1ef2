/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, TEXT_MAX = 160 };

struct arguments {
    const char *list[ARGUMENTS_MAX + 1];
    char texts[ARGUMENTS_MAX][TEXT_MAX];
    int count;
};

static uint16_t free_port(void) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    close(fd);
    return ntohs(in.sin_port);
}

__attribute__((format(printf, 2, 3))) static void add(struct arguments *a, const char *format, ...) {
    va_list values;

    assert_true(a->count < ARGUMENTS_MAX);
    va_start(values, format);
    assert_true(vsnprintf(a->texts[a->count], TEXT_MAX, format, values) < TEXT_MAX);
    va_end(values);
    a->list[a->count] = a->texts[a->count];
    a->count++;
}

static void add_all(struct arguments *a, const struct toy_etcd *etcd) {
    const char *scheme = etcd->tls ? "https" : "http";
    unsigned port = etcd->port;
    unsigned peer_port = etcd->peer_port;

    add(a, "etcd");
    add(a, "--name=toy");
    add(a, "--data-dir=%s/data", etcd->directory);
    add(a, "--listen-client-urls=%s://127.0.0.1:%u", scheme, port);
    add(a, "--advertise-client-urls=%s://127.0.0.1:%u", scheme, port);
    add(a, "--listen-peer-urls=http://127.0.0.1:%u", peer_port);
    add(a, "--initial-advertise-peer-urls=http://127.0.0.1:%u", peer_port);
    add(a, "--initial-cluster=toy=http://127.0.0.1:%u", peer_port);
    add(a, "--logger=zap");
    add(a, "--log-outputs=%s/etcd.log", etcd->directory);
    add(a, "--unsafe-no-fsync");
    if (etcd->tls) {
        add(a, "--cert-file=%s/server.pem", etcd->directory);
        add(a, "--key-file=%s/server.key", etcd->directory);
        add(a, "--trusted-ca-file=%s/ca.pem", etcd->directory);
        add(a, "--client-cert-auth");
    }
}

/* In the child: its output goes nowhere, it ends with us. */
static void become(struct arguments *a) {
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execvp("etcd", (char *const *)(uintptr_t)a->list);
    _exit(127);
}

void toy_etcd_start(struct toy_etcd *etcd, const char *directory, bool tls) {
    *etcd = (struct toy_etcd){.directory = directory, .tls = tls, .port = free_port(), .peer_port = free_port()};
    toy_etcd_restart(etcd);
}

void toy_etcd_restart(struct toy_etcd *etcd) {
    struct arguments arguments = {.count = 0};

    add_all(&arguments, etcd);
    etcd->pid = fork();
    assert_true(etcd->pid >= 0);
    if (etcd->pid == 0) {
        become(&arguments);
    }
}

void toy_etcd_kill(struct toy_etcd *etcd) {
    int status;

    assert_int_equal(kill(etcd->pid, SIGKILL), 0);
    assert_int_equal(waitpid(etcd->pid, &status, 0), etcd->pid);
    /* Else it had ended by itself: its log, or that there is no etcd, says why. */
    assert_true(WIFSIGNALED(status));
}
