/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of memory and store groups, pipelined, cut anywhere, with answers of the store that come when they like: the
 * client hears, byte for byte, what it hears when each command waits for the one before. */
#include "store_harness.h"

#include "base/random.h"

enum { SEEDS = 120, COMMANDS = 120, PIECE_MAX = 90, BIG = 40000 };

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 8 << 10};

static const char *random_key(struct random *r) {
    static const char *const keys[] = {"d/a", "d/b", "d/c", "m1", "m2", "d/d", "t/a", "d/a"};

    return keys[random_below(r, sizeof(keys) / sizeof(keys[0]))];
}

static void add_value(struct buf *says, struct random *r, size_t size) {
    char *place;

    harness_must(buf_reserve(says, size + 2) == LARDER_OK);
    place = says->data + says->size;
    for (size_t i = 0; i < size; i++) {
        place[i] = (char)('0' + random_below(r, 10));
    }
    memcpy(place + size, "\r\n", 2);
    says->size += size + 2;
}

static void add_store(struct buf *says, struct random *r, const char *word, const char *noreply) {
    size_t size = random_below(r, 30) == 0 ? BIG : random_below(r, 12);

    harness_must(buf_printf(says, "%s %s %d 0 %zu%s\r\n", word, random_key(r), (int)random_below(r, 2), size,
                            noreply) == LARDER_OK);
    add_value(says, r, size);
}

static void add_command(struct buf *says, struct random *r) {
    static const char *const words[] = {"add", "replace", "append", "prepend"};
    size_t size = random_below(r, 12);

    switch (random_below(r, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        add_store(says, r, "set", random_below(r, 5) == 0 ? " noreply" : "");
        break;
    case 4:
        add_store(says, r, words[random_below(r, 4)], "");
        break;
    case 5:
        buf_printf(says, "ms %s %zu c k Oab %s\r\n", random_key(r), size, random_below(r, 4) == 0 ? "q" : "s");
        add_value(says, r, size);
        break;
    case 6:
        buf_printf(says, "cas %s 0 0 %zu %d\r\n", random_key(r), size, (int)random_below(r, 60));
        add_value(says, r, size);
        break;
    case 7:
        buf_printf(says, "delete %s%s\r\n", random_key(r), random_below(r, 5) == 0 ? " noreply" : "");
        break;
    case 8:
        buf_printf(says, "incr %s 3\r\n", random_key(r));
        break;
    case 9:
        buf_printf(says, "ma %s N0 J5 v c\r\n", random_key(r));
        break;
    case 10:
        buf_printf(says, "touch %s 0\r\n", random_key(r));
        break;
    case 11:
        buf_printf(says, "gat 0 %s %s\r\n", random_key(r), random_key(r));
        break;
    case 12:
        buf_printf(says, "mg %s v c f k Oq\r\n", random_key(r));
        break;
    case 13:
        buf_printf(says, "nonsense\r\n");
        break;
    case 14:
        buf_printf(says, "md %s C%d\r\n", random_key(r), (int)random_below(r, 60));
        break;
    default:
        buf_printf(says, "get %s %s %s %s\r\n", random_key(r), random_key(r), random_key(r), random_key(r));
    }
}

/* Lets one of the held answers come, or the client take what there is. */
static void let_on(struct store_harness *s, struct client *c, struct random *r) {
    if (s->store.held_count > 0 && random_below(r, 3) > 0) {
        store_harness_release(s, random_below(r, s->store.held_count));
    }
    c->take = random_below(r, 2) == 0 ? 0 : 1 + random_below(r, 100);
    client_pump(c);
}

static struct buf talk(struct slice says, struct random *r) {
    struct store_harness s;
    struct client c;
    struct buf heard;
    size_t said = 0;

    store_harness_init(&s, &node);
    client_init(&c, &s.h);
    s.store.hold_writes = r != NULL;
    s.store.hold_reads = r != NULL && random_below(r, 2) == 0;
    while (said < says.size) {
        size_t size = r != NULL ? 1 + random_below(r, PIECE_MAX) : says.size;

        if (r != NULL && !session_wants_input(&c.session)) {
            let_on(&s, &c, r);
            continue;
        }
        size = size < says.size - said ? size : says.size - said;
        /* In one read, so that what cannot go on at once is not said yet. */
        if (r != NULL) {
            char *place;
            size_t room;

            session_read_place(&c.session, &place, &room);
            size = size < room ? size : room;
            memcpy(place, says.data + said, size);
            session_feed(&c.session, size);
            if (random_below(r, 2) == 0) {
                let_on(&s, &c, r);
            }
        } else {
            client_say(&c, says.data, size);
        }
        said += size;
    }
    while (r != NULL && (s.store.held_count > 0 || session_has_output(&c.session) || c.session.stalled)) {
        let_on(&s, &c, r);
    }
    assert_false(session_is_waiting(&c.session));
    assert_false(c.session.over);
    heard = c.heard;
    buf_init(&c.heard, 1);
    client_fini(&c);
    assert_int_equal(atomic_load(&s.h.node.durable->memory), 0);
    store_harness_fini(&s);
    return heard;
}

static void late_answers_change_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct random r;
        struct buf says;
        struct buf expected;
        struct buf heard;

        random_init(&r, seed);
        buf_init(&says, 64 << 20);
        for (int i = 0; i < COMMANDS; i++) {
            add_command(&says, &r);
        }
        expected = talk(buf_slice(&says), NULL);
        heard = talk(buf_slice(&says), &r);
        if (!slice_equal(buf_slice(&expected), buf_slice(&heard))) {
            size_t at = 0;

            while (at < expected.size && at < heard.size && expected.data[at] == heard.data[at]) {
                at++;
            }
            at = at > 100 ? at - 100 : 0;
            fail_msg("seed %d, from byte %d: heard \"%.300s\", expected \"%.300s\"", (int)seed, (int)at,
                     heard.data + at, expected.data + at);
        }
        assert_true(expected.size > 0);
        buf_fini(&expected);
        buf_fini(&heard);
        buf_fini(&says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(late_answers_change_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
