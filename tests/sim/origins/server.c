/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The origin: versions of each key, one after the other, and what it says of each. An answer tells its number in a field, and
 * key, version and number in its body; so whoever gets it can tell whether all of that belongs together. */

struct slice key_name(size_t key) {
    static const char *const keys[KEYS] = {"o/k0", "o/k1", "o/ka2", "o/ka3", "o/kab4", "o/kab5"};

    return slice_from_string(keys[key]);
}

size_t key_of_url(struct slice url) {
    size_t key = (size_t)(url.data[url.size - 1] - '0');

    sim_must(slice_has_prefix(url, SLICE("http://origin/")) && key < KEYS &&
             slice_equal(slice_skip(url, sizeof("http://origin/") - 1), slice_skip(key_name(key), sizeof("o/") - 1)));
    return key;
}

struct slice prefix_name(size_t prefix) {
    static const char *const prefixes[PREFIXES] = {"", "k", "ka", "kab", "k0", "ka3", "kb"};

    return slice_from_string(prefixes[prefix]);
}

bool prefix_has(size_t prefix, size_t key) {
    return slice_has_prefix(slice_skip(key_name(key), sizeof("o/") - 1), prefix_name(prefix));
}

const struct version *server_version(size_t key, uint64_t version) {
    return &world->keys[key].versions[version];
}

/* --- versions --- */

static int64_t some_seconds(int64_t most) {
    return sim_chance(&world->sim, 50) ? -1 : sim_between(&world->sim, 0, most);
}

static unsigned some_status(void) {
    static const unsigned statuses[] = {404, 410, 301, 403, 500};

    return sim_chance(&world->sim, 80) ? 200 : statuses[sim_between(&world->sim, 0, 4)];
}

/* Some lie by themselves in the table (cache/shard.h), and some are more than is kept. */
static size_t some_size(void) {
    bool large = sim_chance(&world->sim, 20) && !world->is_calm;

    return (size_t)sim_between(&world->sim, large ? 3000 : 64, large ? LARGEST : 3000);
}

static struct version draw(size_t key) {
    struct sim *sim = &world->sim;
    bool is_private = world->has_private && key == PRIVATE_KEY;
    struct version v = {
        .status = is_private ? 200 : some_status(),
        .size = some_size(),
        .life_s = sim_chance(sim, 30) ? -1 : sim_between(sim, world->is_calm ? 1 : 0, 3),
        .shared_age = sim_chance(sim, 15),
        .age_s = sim_chance(sim, 15) && !world->is_calm ? 1 : 0,
        .while_revalidate_s = some_seconds(2),
        .if_error_s = some_seconds(2),
        .must_revalidate = sim_chance(sim, 25),
        .no_cache = sim_chance(sim, 8) && !world->is_calm,
        .no_store = is_private || (sim_chance(sim, 5) && !world->is_calm),
        .has_etag = sim_chance(sim, 60),
        .is_weak = sim_chance(sim, 20),
        .has_date = sim_chance(sim, 40),
    };

    if (world->is_fickle) {
        v.status = 200;
        v.life_s = 0;
        v.no_store = sim_chance(sim, 50);
        v.while_revalidate_s = 0;
        v.if_error_s = 2;
        v.must_revalidate = v.no_cache = false;
    }
    if (v.status == 500 && world->is_calm) {
        v.status = 200;
    }
    return v;
}

void server_change(size_t key) {
    struct key *k = &world->keys[key];

    k->version++;
    k->versions = realloc(k->versions, (k->version + 1) * sizeof(*k->versions));
    sim_must(k->versions != NULL);
    k->versions[k->version] = draw(key);
    seeds_trace(&world->sim, "key %zu: version %" PRIu64 " at the origin, status %u, life %d s", key, k->version,
                k->versions[k->version].status, (int)k->versions[k->version].life_s);
}

void server_init(void) {
    for (size_t key = 0; key < KEYS; key++) {
        server_change(key);
    }
}

/* --- what belongs to one --- */

struct slice server_body(const struct load *load, uint64_t number, char place[LARGEST]) {
    const struct version *v = server_version(load->key, load->version);
    int size = snprintf(place, LARGEST, "k%zu v%" PRIu64 " n%" PRIu64 ";", load->key, load->version, number);

    for (size_t i = (size_t)size; i < v->size; i++) {
        place[i] = (char)('a' + (number + i) % 26);
    }
    return slice_make(place, v->size);
}

struct slice server_etag(size_t key, uint64_t version, char place[32]) {
    const struct version *v = server_version(key, version);
    int size = 0;

    if (v->has_etag) {
        size = snprintf(place, 32, "%s\"k%zuv%" PRIu64 "\"", v->is_weak ? "W/" : "", key, version);
    }
    return slice_make(place, (size_t)size);
}

struct slice server_date(size_t key, uint64_t version, char place[32]) {
    int size = 0;

    if (server_version(key, version)->has_date) {
        size = snprintf(place, 32, "Thu, 26 Nov 2009 %02u:%02u:%02u GMT", (unsigned)key, (unsigned)(version / 60 % 60),
                        (unsigned)(version % 60));
    }
    return slice_make(place, (size_t)size);
}

static struct slice add(char **at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static struct slice add(char **at, const char *format, ...) {
    struct slice text = slice_make(*at, 0);
    va_list list;

    va_start(list, format);
    text.size = (size_t)vsnprintf(*at, 64, format, list);
    va_end(list);
    *at += text.size + 1;
    return text;
}

static struct fetch_field directive(struct slice value) {
    return (struct fetch_field){SLICE("Cache-Control"), value};
}

/* A field for each directive: so they may stand. */
static size_t add_directives(const struct version *v, struct fetch_field *fields, size_t count, char **at) {
    if (v->life_s >= 0) {
        fields[count++] = directive(add(at, "%s=%d", v->shared_age ? "s-maxage" : "max-age", (int)v->life_s));
    }
    if (v->while_revalidate_s >= 0) {
        fields[count++] = directive(add(at, "stale-while-revalidate=%d", (int)v->while_revalidate_s));
    }
    if (v->if_error_s >= 0) {
        fields[count++] = directive(add(at, "stale-if-error=%d", (int)v->if_error_s));
    }
    if (v->must_revalidate) {
        fields[count++] = directive(SLICE("must-revalidate"));
    }
    if (v->no_cache) {
        fields[count++] = directive(SLICE("no-cache"));
    }
    if (v->no_store) {
        fields[count++] = directive(SLICE("no-store"));
    }
    return count;
}

size_t server_fields(const struct load *load, uint64_t number, struct fetch_field *fields, char place[512]) {
    const struct version *v = server_version(load->key, load->version);
    char *at = place;
    size_t count = 0;
    struct slice etag = server_etag(load->key, load->version, at);
    struct slice date;

    at += etag.size + 1;
    date = server_date(load->key, load->version, at);
    at += date.size + 1;
    fields[count++] = (struct fetch_field){SLICE("X-Answer"), add(&at, "%" PRIu64, number)};
    if (etag.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("ETag"), etag};
    }
    if (date.size > 0) {
        fields[count++] = (struct fetch_field){SLICE("Last-Modified"), date};
    }
    if (v->age_s > 0) {
        fields[count++] = (struct fetch_field){SLICE("Age"), add(&at, "%d", (int)v->age_s)};
    }
    /* An answer that says only that nothing has changed need not say the rest again. */
    return load->renews && number % 3 == 0 ? count : add_directives(v, fields, count, &at);
}
