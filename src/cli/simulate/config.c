/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/simulate/scenario.h"

enum { WHY_BYTES = 1024 };

#define FIELD(name) offsetof(struct simulate_config, name)

static const struct option_row rows[] = {
    {"endpoints", "HOST:PORT[,...]",
     "the members to begin with, in the order of preference; https:// for TLS\n(127.0.0.1:2379)", OPTION_TEXT,
     FIELD(endpoint_text), 0, 0, NULL},
    {"fixed-endpoints", NULL, "use and count these alone, and not the members that the cluster tells of", OPTION_FLAG,
     FIELD(fixed_endpoints), 0, 0, NULL},
    {"iterations", "N", "operations (100000)", OPTION_COUNT, FIELD(iterations), 1, SIMULATE_ITERATIONS_MAX, NULL},
    {"seed", "N", "the same seed makes the same operations (123)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    {"clients", "N", "operations in flight, those on a device always one after the other (1)", OPTION_COUNT,
     FIELD(clients), 1, SIMULATE_CLIENTS_MAX, NULL},
    {"prefix", "TEXT", "what all keys begin with, a slash behind it; nobody else may write there\n(/larder-simulate)",
     OPTION_TEXT, FIELD(prefix_text), 0, 0, NULL},
    {"clear", NULL, "delete what is there below the prefix, first", OPTION_FLAG, FIELD(clear), 0, 0, NULL},
    {"keep", NULL, "leave the keys there at the end; without it they are deleted, if all was well", OPTION_FLAG,
     FIELD(keep), 0, 0, NULL},
    {"timeout", "TIME", "how long an operation may take, with all that is tried again (30s)", OPTION_DURATION,
     FIELD(timeout_ns), CLOCK_NS_PER_MS, UINT64_C(86400000000000), NULL},
    {"wait-members", "TIME", "how long to wait at the end for members that are behind or away (60s)", OPTION_DURATION,
     FIELD(wait_members_ns), 0, UINT64_C(86400000000000), NULL},
    {"user", "NAME:PASSWORD",
     "who asks, if the cluster wants to know; without it LARDER_USER,\nwhich others on this machine cannot see",
     OPTION_TEXT, FIELD(user), 0, 0, NULL},
    {"cacert", "FILE", "the authorities to believe, PEM (the system's)", OPTION_TEXT, FIELD(tls.ca), 0, 0, NULL},
    {"cert", "FILE", "a certificate of our own, PEM; needs --key", OPTION_TEXT, FIELD(tls.certificate), 0, 0, NULL},
    {"key", "FILE", "its private key, PEM", OPTION_TEXT, FIELD(tls.key), 0, 0, NULL},
    {"insecure-skip-tls-verify", NULL, "believe any certificate: for tests", OPTION_FLAG, FIELD(tls.insecure), 0, 0,
     NULL},
    {"plan", NULL, "say how many operations of each kind there will be, and end", OPTION_FLAG, FIELD(plan), 0, 0, NULL},
    {"dump", "FILE", "write the operations to FILE, one a line (-: standard output), and end", OPTION_TEXT, FIELD(dump),
     0, 0, NULL},
    {"json", NULL, "print the report as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"json-progress", NULL, "tell how far it is on standard error, for programs: JSON, one object a line", OPTION_FLAG,
     FIELD(json_progress), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

#undef FIELD

void simulate_config_print_help(void) {
    fputs(
        "larder simulate - the experiment of the dying leader, on a cluster of etcd\n\n"
        "usage: larder simulate [OPTIONS]\n\n"
        "Keeps a registry of devices and their addresses in the cluster: CREATE puts a new device, RETRIEVE and "
        "DELETE\n"
        "take any that is there, 40, 42 and 18 of a hundred operations. They follow from the seed, so it is known "
        "what\n"
        "each answer must be, and every answer is checked: values, counts, and that revisions never go back. At the "
        "end\n"
        "the keys are counted on each member by itself. What is behind or away then is waited for.\n\n"
        "Meanwhile end the leader, or the member in use (kill -9), and start it again before the end. Nothing may be\n"
        "lost and no operation may fail: the report tells how often another member was taken and how long that took.\n"
        "An operation whose answer was lost is done again, so nobody else may write below the prefix.\n\n"
        "With --clients 1, as it is without the option, an operation begins when the one before it is answered.\n\n"
        "A line of --dump has the kind, the device, and its address: what CREATE stores, RETRIEVE must find, and "
        "DELETE\n"
        "removes.\n\n"
        "options:\n",
        stdout);
    options_print(rows, stdout);
    fputs("\nexamples:\n"
          "  larder simulate --plan\n"
          "  larder simulate --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 --iterations 100000 --seed 123\n"
          "  larder simulate --endpoints https://etcd1:2379 --cacert ca.pem --cert me.pem --key me-key.pem\n"
          "  larder simulate --clear --keep --clients 50 --json\n"
          "\nexit codes:\n"
          "  0 every answer was right, and every member has every key   1 not so, or it was interrupted\n"
          "  2 wrong arguments   3 the cluster cannot be reached   4 the cluster answered with an error\n",
          stdout);
}

static bool complain(const char *what) {
    fprintf(stderr, SIMULATE_PROGRAM ": %s\n", what);
    return false;
}

static bool read_endpoints(struct simulate_config *c) {
    const struct slice text = slice_from_string(c->endpoint_text);
    struct buf why;
    bool good;

    buf_init(&why, WHY_BYTES);
    good = etcd_endpoints_parse(text, c->endpoints, ETCD_MEMBERS_MAX, &c->endpoint_count, &why);
    if (!good) {
        fprintf(stderr, SIMULATE_PROGRAM ": --endpoints: %.*s\n", (int)why.size, why.data);
    }
    buf_fini(&why);
    return good;
}

static bool has_tls_files(const struct simulate_config *c) {
    return c->tls.ca != NULL || c->tls.certificate != NULL || c->tls.insecure;
}

/* Whoever names certificates means TLS, as with etcdctl, unless the endpoints say otherwise. */
static void choose_tls(struct simulate_config *c) {
    if (!has_tls_files(c) || strstr(c->endpoint_text, "://") != NULL) {
        return;
    }
    for (size_t i = 0; i < c->endpoint_count; i++) {
        c->endpoints[i].tls = true;
    }
}

static bool set_prefix(struct simulate_config *c) {
    size_t size = strlen(c->prefix_text);

    while (size > 0 && c->prefix_text[size - 1] == '/') {
        size--;
    }
    if (size == 0) {
        return complain(
            "--prefix: a prefix has a name, such as /larder-simulate; all keys of the cluster are not ours");
    }
    if (size + 2 > sizeof(c->prefix)) {
        return complain("--prefix: too long; up to 254 bytes");
    }
    snprintf(c->prefix, sizeof(c->prefix), "%.*s/", (int)size, c->prefix_text);
    return true;
}

static bool check(const struct simulate_config *c) {
    if ((c->tls.certificate == NULL) != (c->tls.key == NULL)) {
        return complain("--cert and --key belong together: name both, or none");
    }
    if (c->user != NULL && (strchr(c->user, ':') == NULL || c->user[0] == ':')) {
        return complain("--user and LARDER_USER are a name and a password: NAME:PASSWORD");
    }
    if (c->plan && c->dump != NULL) {
        return complain("--plan counts and --dump writes the operations; name one of them");
    }
    return true;
}

static struct simulate_config defaults(void) {
    const char *user = getenv("LARDER_USER");

    return (struct simulate_config){
        .endpoint_text = "127.0.0.1:2379",
        .user = user == NULL || *user == '\0' ? NULL : user,
        .iterations = 100000,
        .seed = 123,
        .clients = 1,
        .prefix_text = "/larder-simulate",
        .timeout_ns = 30 * CLOCK_NS_PER_S,
        .wait_members_ns = 60 * CLOCK_NS_PER_S,
    };
}

enum options_outcome simulate_config_read(int argc, char **argv, struct simulate_config *ret_config) {
    enum options_outcome outcome;
    int positional;

    *ret_config = defaults();
    outcome = options_parse(rows, SIMULATE_PROGRAM, argc, argv, ret_config, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (positional > 0) {
        fprintf(stderr, SIMULATE_PROGRAM ": '%s' is one argument too many; see --help\n", argv[0]);
        return OPTIONS_WRONG;
    }
    if (!check(ret_config) || !set_prefix(ret_config) || !read_endpoints(ret_config)) {
        return OPTIONS_WRONG;
    }
    choose_tls(ret_config);
    return OPTIONS_DONE;
}

struct slice simulate_config_user(const struct simulate_config *config) {
    return config->user == NULL ? SLICE("") : slice_make(config->user, strcspn(config->user, ":"));
}

struct slice simulate_config_password(const struct simulate_config *config) {
    return config->user == NULL ? SLICE("") : slice_from_string(strchr(config->user, ':') + 1);
}
