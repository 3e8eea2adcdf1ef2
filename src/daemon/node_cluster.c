/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "daemon/node_near.h"

enum { PASSWORD_MAX = 1024 };

/* The password is the file's first line. */
static bool read_password(const char *path, char ret_password[PASSWORD_MAX], struct buf *why) {
    FILE *file = fopen(path, "re");

    if (file == NULL || fgets(ret_password, PASSWORD_MAX, file) == NULL) {
        buf_printf(why, "store-password-file = %s: %s", path,
                   file == NULL || ferror(file) ? strerror(errno) : "it is empty");
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    fclose(file);
    ret_password[strcspn(ret_password, "\r\n")] = '\0';
    return true;
}

static struct slice slice_or_none(const char *text) {
    return text != NULL ? slice_from_string(text) : SLICE("");
}

static void fill_config(const struct options *o, const struct etcd_endpoint *endpoints, size_t count,
                        const char *password, struct etcd_store_config *config) {
    struct etcd_client_config *client = &config->client;

    etcd_client_config_init(client);
    client->endpoints = endpoints;
    client->endpoint_count = count;
    client->shuffle = true; /* so that not all nodes ask the same one */
    client->user = slice_or_none(o->store_user);
    client->password = slice_from_string(password);
    client->follow_members = o->store_follow_members;
    client->seed = random_os_seed();
    client->request_timeout_ns = (int64_t)o->store_timeout_ns;
    client->attempt_timeout_ns = (int64_t)o->store_attempt_timeout_ns;
    client->max_connection_age_ns = (int64_t)o->store_max_connection_age_ns;
    config->has_tls = true;
    config->tls = (struct tls_files){
        .ca = o->store_ca,
        .certificate = o->store_cert,
        .key = o->store_key,
        .server_name = o->store_server_name,
    };
    config->max_pending = (size_t)o->max_pending_writes;
    config->max_watchers = (size_t)o->max_watchers;
}

struct store *node_cluster_open(const struct options *o, const struct node_near *near, struct buf *why) {
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX];
    struct near_config config = {0};
    char password[PASSWORD_MAX] = "";
    struct store *store;
    size_t count;

    if (!etcd_endpoints_parse(slice_from_string(o->store), endpoints, ETCD_MEMBERS_MAX, &count, why) ||
        (o->store_password_file != NULL && !read_password(o->store_password_file, password, why))) {
        return NULL;
    }
    fill_config(o, endpoints, count, password, &config.cluster);
    node_near_configure(near, o, &config);
    store = near_open(&config, why);
    explicit_bzero(password, sizeof(password));
    return store;
}
