/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_value.h"
#include "daemon/suggest.h"
#include "ring/groupcache_current.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define HOUR UINT64_C(3600000000000)
#define MINUTE UINT64_C(60000000000)
#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)

const struct option_info option_infos[OPTION_COUNT] = {
#define OPTION(id, name, kind, section, field, fallback, least, most, argument, help)                                  \
    {name, OPTION_KIND_##kind, section, offsetof(struct options, field), fallback, least, most, argument, help},
#include "daemon/options.def"
};

const struct group_option_info group_option_infos[GROUP_OPTION_COUNT] = {
#define GROUP_OPTION(id, name, argument, fallback, help) {name, argument, fallback, help},
#include "daemon/options.def"
};

static void *field_of(struct options *o, enum option option) {
    return (char *)o + option_infos[option].offset;
}

/* Names have hyphens; who is used to underscores may write those. */
static bool is_called(const char *name, struct slice word) {
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i] == '_' ? '-' : word.data[i];

        if (c == '\0' || c != name[i]) {
            return false;
        }
    }
    return name[word.size] == '\0';
}

enum option option_find(struct slice name) {
    unsigned option = 0;

    while (option < OPTION_COUNT && !is_called(option_infos[option].name, name)) {
        option++;
    }
    return (enum option)option;
}

enum group_option group_option_find(struct slice name) {
    unsigned option = 0;

    while (option < GROUP_OPTION_COUNT && !is_called(group_option_infos[option].name, name)) {
        option++;
    }
    return (enum group_option)option;
}

void option_unknown(struct diagnostics *d, struct place place, const char *what, struct slice word,
                    const char *const *names, size_t count) {
    const char *meant = suggest(word, names, count);
    char escaped[SLICE_ESCAPED_MAX];

    slice_escape(word, escaped);
    if (meant != NULL) {
        diagnostics_mistake(d, place, "unknown %s \"%s\"; did you mean \"%s\"?", what, escaped, meant);
    } else {
        diagnostics_mistake(d, place, "unknown %s \"%s\"", what, escaped);
    }
}

static struct slice trim_blanks(struct slice s) {
    while (s.size > 0 && s.data[0] == ' ') {
        s = slice_skip(s, 1);
    }
    while (s.size > 0 && s.data[s.size - 1] == ' ') {
        s.size--;
    }
    return s;
}

/* Listening looks up no names, so a name is a mistake that can be said here. */
static bool can_listen(const struct address *address, const char **ret_reason) {
    struct endpoint endpoint;

    *ret_reason = "give a numeric address, localhost or unix:PATH";
    return endpoint_local(address, &endpoint) == LARDER_OK;
}

static bool add_address(struct option_listens *listens, struct slice text, struct place place, struct diagnostics *d) {
    char escaped[SLICE_ESCAPED_MAX];
    const char *reason;

    text = trim_blanks(text);
    if (listens->count == OPTIONS_LISTENS_MAX) {
        diagnostics_mistake(d, place, "listen: more than %d addresses", OPTIONS_LISTENS_MAX);
        return false;
    }
    if (!address_parse(text, &listens->items[listens->count], &reason) ||
        !can_listen(&listens->items[listens->count], &reason)) {
        diagnostics_mistake(d, place, "listen = \"%s\" is not an address like 127.0.0.1:11211: %s",
                            slice_escape(text, escaped), reason);
        return false;
    }
    listens->count++;
    return true;
}

/* Commas separate addresses. The same source adds to what it said before; a stronger one starts anew. */
static bool set_addresses(struct options *o, enum option option, struct slice text, bool more, struct place place,
                          struct diagnostics *d) {
    struct option_listens *listens = field_of(o, option);
    struct option_listens read = {.count = 0};
    size_t begin = 0;

    if (more) {
        read = *listens;
    }
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != ',') {
            continue;
        }
        if (!add_address(&read, slice_make(text.data + begin, i - begin), place, d)) {
            return false;
        }
        begin = i + 1;
    }
    *listens = read;
    return true;
}

static bool set_text(struct options *o, enum option option, struct slice text, struct place place,
                     struct diagnostics *d) {
    char **field = field_of(o, option);
    char *copy;

    if (text.size == 0) {
        diagnostics_mistake(d, place, "%s is empty", option_infos[option].name);
        return false;
    }
    copy = strndup(text.data, text.size);
    if (copy == NULL) {
        diagnostics_mistake(d, place, "%s: out of memory", option_infos[option].name);
        return false;
    }
    free(*field);
    *field = copy;
    return true;
}

static bool set_yes_no(struct slice text, const char *name, struct place place, struct diagnostics *d,
                       bool *ret_value) {
    static const char *const words[] = {"no", "yes"};
    size_t index;

    if (!option_read_choice(name, text, words, 2, place, d, &index)) {
        return false;
    }
    *ret_value = index == 1;
    return true;
}

static bool set_level(struct slice text, const char *name, struct place place, struct diagnostics *d,
                      enum log_level *ret_level) {
    static const char *const words[] = {"debug", "info", "warn", "error"};

    if (!log_level_parse(text, ret_level)) {
        option_none_of(name, text, words, 4, place, d);
        return false;
    }
    return true;
}

static bool set_format(struct slice text, const char *name, struct place place, struct diagnostics *d,
                       enum log_format *ret_format) {
    static const char *const words[] = {"text", "json"};

    if (!log_format_parse(text, ret_format)) {
        option_none_of(name, text, words, 2, place, d);
        return false;
    }
    return true;
}

static bool set_value(struct options *o, enum option option, struct slice text, bool more, struct place place,
                      struct diagnostics *d) {
    const struct option_info *info = &option_infos[option];
    void *field = field_of(o, option);

    switch (info->kind) {
    case OPTION_KIND_ADDRESSES:
        return set_addresses(o, option, text, more, place, d);
    case OPTION_KIND_TEXT:
        return set_text(o, option, text, place, d);
    case OPTION_KIND_COUNT:
        return option_read_count(info->name, text, info->least, info->most, place, d, field);
    case OPTION_KIND_SIZE:
        return option_read_size(info->name, text, info->least, info->most, place, d, field);
    case OPTION_KIND_DURATION:
        return option_read_duration(info->name, text, info->least, info->most, place, d, field);
    case OPTION_KIND_YES_NO:
        return set_yes_no(text, info->name, place, d, field);
    case OPTION_KIND_LEVEL:
        return set_level(text, info->name, place, d, field);
    case OPTION_KIND_FORMAT:
        return set_format(text, info->name, place, d, field);
    case OPTION_KIND_SWITCH:
        *(bool *)field = true;
        return true;
    }
    assert(false);
    return false;
}

bool options_set(struct options *o, enum option option, struct slice text, enum option_source source,
                 struct place place, struct diagnostics *d) {
    const struct option_info *info = &option_infos[option];
    bool more = o->sources[option] == source;

    if (more && source == OPTION_SOURCE_FILE && info->kind != OPTION_KIND_ADDRESSES) {
        diagnostics_mistake(d, place, "%s is set twice, first in line %u", info->name, o->lines[option]);
        return false;
    }
    if (o->sources[option] > source) {
        /* It will not count, but a mistake in it is one all the same. */
        struct options scratch = {.sources = {0}};
        bool good = set_value(&scratch, option, text, false, place, d);

        options_fini(&scratch);
        return good;
    }
    if (!set_value(o, option, text, more, place, d)) {
        return false;
    }
    o->sources[option] = source;
    o->lines[option] = place.line;
    return true;
}

void options_init(struct options *o) {
    struct diagnostics none;

    memset(o, 0, sizeof(*o));
    diagnostics_init(&none);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (option_infos[i].fallback[0] != '\0') {
            options_set(o, (enum option)i, slice_from_string(option_infos[i].fallback), OPTION_SOURCE_DEFAULT,
                        (struct place){.name = "default"}, &none);
        }
    }
    /* The defaults are ours, so a mistake in them is too. */
    assert(none.mistakes == 0);
    diagnostics_fini(&none);
    o->groups[GROUP_DEFAULT] = group_policy_make(SLICE("default"), 0);
    o->group_count = 1;
}

bool options_need_store(const struct options *o) {
    size_t i = 0;

    while (i < o->group_count && !group_policy_is_store(&o->groups[i]) && o->groups[i].origin.prefix_size == 0) {
        i++;
    }
    return i < o->group_count;
}

void options_fini(struct options *o) {
    free(o->port_file);
    free(o->http_hosts);
    free(o->name);
    free(o->advertise_client_urls);
    free(o->config);
    free(o->store);
    free(o->store_watch);
    free(o->data_dir);
    free(o->store_user);
    free(o->store_password_file);
    free(o->store_ca);
    free(o->store_cert);
    free(o->store_key);
    free(o->store_server_name);
    free(o->cluster);
    free(o->advertise);
    free(o->node_id);
    free(o->cluster_token_file);
    free(o->on_isolation);
    for (size_t i = 0; i < o->group_count; i++) {
        free(o->groups[i].origin.peers);
        groupcache_current_unref(o->groups[i].origin.pool);
    }
    memset(o, 0, sizeof(*o));
}
