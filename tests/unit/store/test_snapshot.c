/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/random.h"
#include "snapshots.h"
#include "store/local/internal.h"
#include "store/local/restore.h"

enum { KEYS = 60, LONG_VALUE = 9000, WHY_BYTES = 4096 };

/* A directory for a snapshot's file and for the stores that are made of it. */
struct bench {
    char directory[32];
    char file[64];
    char target[64];
};

static void bench_init(struct bench *b) {
    *b = (struct bench){.directory = "/tmp/larder-restore-XXXXXX"};
    assert_non_null(mkdtemp(b->directory));
    snprintf(b->file, sizeof(b->file), "%s/snapshot", b->directory);
    snprintf(b->target, sizeof(b->target), "%s/store", b->directory);
}

/* Nothing but these two may be there. */
static void bench_fini(struct bench *b) {
    unlink(b->file);
    assert_int_equal(rmdir(b->directory), 0);
}

static void expect_empty(const struct bench *b) {
    DIR *directory = opendir(b->directory);
    const struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "snapshot") != 0) {
            fail_msg("%s was left", entry->d_name);
        }
    }
    closedir(directory);
}

static void restore(const struct bench *b) {
    struct buf why;

    buf_init(&why, WHY_BYTES);
    if (!local_restore(b->file, b->target, &why)) {
        fail_msg("%.*s", (int)why.size, why.data);
    }
    buf_fini(&why);
}

/* Of a file that is damaged: by the reading of it and, as that waits for the disk, now and then by a restore. */
static void expect_refused(const struct bench *b, const char *text, bool restoring) {
    const struct restore_watcher nobody = {.progress = NULL};
    struct snapshot_summary summary;
    struct buf why;

    buf_init(&why, WHY_BYTES);
    if (restoring) {
        assert_false(local_restore(b->file, b->target, &why));
    } else {
        assert_false(local_check_snapshot(b->file, &nobody, &summary, &why));
    }
    if (memmem(why.data, why.size, text, strlen(text)) == NULL) {
        fail_msg("%.*s does not say: %s", (int)why.size, why.data, text);
    }
    buf_fini(&why);
}

/* The store that was made, with the settings of another one. */
static void open_restored(const struct bench *b, const struct place *from, struct place *ret_place) {
    *ret_place = (struct place){.config = from->config};
    snprintf(ret_place->directory, sizeof(ret_place->directory), "%s", b->target);
    ret_place->config.directory = ret_place->directory;
    place_open(ret_place);
}

static uint32_t hash_of(struct place *p, int64_t revision) {
    int64_t compacted;
    int64_t newest;
    uint32_t hash;

    assert_int_equal(store_hash_kv(p->store, revision, &hash, &newest, &compacted), STORE_OK);
    return hash;
}

static uint32_t whole_hash(struct place *p) {
    int64_t newest;
    uint32_t hash;

    assert_int_equal(store_hash(p->store, &hash, &newest), STORE_OK);
    return hash;
}

static void grant(struct place *p, int64_t id, int64_t ttl) {
    struct awaited a;

    assert_int_equal(run(p, &a, (struct store_op){.kind = STORE_OP_LEASE_GRANT, .lease = {.id = id, .ttl = ttl}}),
                     STORE_OK);
    awaited_end(&a);
}

/* History, deletions, leases, notes; some of it in LMDB, some in the journal. */
static void fill(struct place *p) {
    char *value = malloc(LONG_VALUE + 1);
    struct awaited a;
    struct store_op op = op_put("leased", "value");

    assert_non_null(value);
    memset(value, 'v', LONG_VALUE);
    place_init(p);
    p->config.no_sync = true;
    p->config.checkpoint = 100 << 10;
    place_open(p);
    for (int i = 0; i < KEYS; i++) {
        char key[32];

        value[i % 10 == 0 ? LONG_VALUE : i] = '\0';
        snprintf(key, sizeof(key), "key/%d", i % (KEYS / 2));
        put(p, key, value);
        if (i % 7 == 0) {
            del(p, key);
        }
        memset(value, 'v', LONG_VALUE);
    }
    grant(p, 77, 10000);
    grant(p, -5, 20000);
    op.put.lease = 77;
    assert_int_equal(run(p, &a, op), STORE_OK);
    awaited_end(&a);
    note(p, "identity", SLICE("who it was"));
    note(p, "users", SLICE("some"));
    note(p, "alarms", SLICE("none"));
    compact(p, KEYS / 2);
    free(value);
}

static void expect_note(struct place *p, const char *name, const char *value) {
    struct arena arena;
    struct slice found;

    arena_init(&arena, STORE_ANSWER_MAX);
    assert_int_equal(store_note_get(p->store, slice_from_string(name), &arena, &found), STORE_OK);
    assert_true(slice_equal(found, slice_from_string(value)));
    arena_fini(&arena);
}

static void a_restored_store_has_all_but_the_identity(void **state) {
    struct store_figures before;
    struct store_figures after;
    struct place restored;
    struct image image;
    struct awaited a;
    struct bench b;
    struct place p;

    (void)state;
    bench_init(&b);
    fill(&p);
    image_of(&p, &image);
    image_write(&image, image.size, b.file);
    restore(&b);
    open_restored(&b, &p, &restored);
    store_get_figures(p.store, &before);
    store_get_figures(restored.store, &after);
    assert_int_equal(after.revision, before.revision);
    assert_int_equal(after.compact_revision, before.compact_revision);
    assert_int_equal(after.keys, before.keys);
    assert_int_equal(after.leases, 2);
    for (int64_t revision = before.compact_revision + 1; revision <= before.revision; revision++) {
        assert_int_equal(hash_of(&restored, revision), hash_of(&p, revision));
    }
    assert_int_not_equal(whole_hash(&restored), whole_hash(&p));
    note(&p, "identity", SLICE(""));
    assert_int_equal(whole_hash(&restored), whole_hash(&p));
    expect_note(&restored, "identity", "");
    expect_note(&restored, "users", "some");
    /* The lease has its key. */
    assert_int_equal(run(&restored, &a, (struct store_op){.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = 77}}),
                     STORE_OK);
    awaited_end(&a);
    expect(&restored, "leased", 0, NULL);
    assert_int_equal(put(&restored, "new", "value"), before.revision + 2);
    place_end(&restored);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

static void an_empty_store_can_be_restored(void **state) {
    struct place restored;
    struct image image;
    struct bench b;
    struct place p;

    (void)state;
    bench_init(&b);
    place_start(&p);
    image_of(&p, &image);
    image_write(&image, image.size, b.file);
    restore(&b);
    open_restored(&b, &p, &restored);
    assert_int_equal(put(&restored, "a", "1"), 2);
    place_end(&restored);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

/* However it is read it is the same, and what happens meanwhile is not in it. */
static void it_is_of_one_moment(void **state) {
    static const size_t pieces[] = {1, 7, 4096, SIZE_MAX};
    struct store_snapshot *snapshots[4];
    struct image images[4];
    struct awaited a;
    struct place p;

    (void)state;
    fill(&p);
    for (size_t i = 0; i < 4; i++) {
        snapshots[i] = snapshot_open(&p);
    }
    for (int i = 0; i < 300; i++) {
        put(&p, "key/1", "another value that is not in the snapshot");
    }
    del(&p, "key/2");
    note(&p, "users", SLICE("others"));
    compact(&p, 300);
    assert_int_equal(run(&p, &a, (struct store_op){.kind = STORE_OP_DEFRAGMENT}), STORE_OK);
    awaited_end(&a);
    put(&p, "key/1", "and after that");
    for (size_t i = 0; i < 4; i++) {
        image_take(snapshots[i], pieces[i], &images[i]);
        store_snapshot_close(snapshots[i]);
        assert_int_equal(images[i].size, images[0].size);
        assert_memory_equal(images[i].bytes, images[0].bytes, images[0].size);
    }
    for (size_t i = 0; i < 4; i++) {
        image_free(&images[i]);
    }
    place_end(&p);
}

static void one_that_is_not_read_to_its_end_can_be_closed(void **state) {
    struct store_snapshot *snapshot;
    char bytes[100];
    size_t count;
    struct place p;

    (void)state;
    fill(&p);
    snapshot = snapshot_open(&p);
    assert_int_equal(store_snapshot_read(snapshot, bytes, sizeof(bytes), &count), STORE_OK);
    assert_int_equal(count, sizeof(bytes));
    store_snapshot_close(snapshot);
    store_snapshot_close(NULL);
    place_end(&p);
}

/* --- what cannot wait for it --- */

static void interrupt(struct local *s, void *ctx) {
    (void)ctx;
    disk_interrupt(&s->disk);
}

static void reopen(struct local *s, void *ctx) {
    (void)ctx;
    assert_true(disk_reopen(&s->disk));
}

static void expect_interrupted(void (*how)(struct local *s, void *ctx)) {
    struct store_snapshot *snapshot;
    enum store_status status;
    struct image image;
    struct place p;
    char byte;
    size_t count;

    fill(&p);
    place_reopen(&p); /* now all of it is in LMDB */
    snapshot = snapshot_open(&p);
    assert_int_equal(store_snapshot_read(snapshot, &byte, 1, &count), STORE_OK);
    assert_int_equal(errand_run(local_of(p.store), how, NULL), STORE_OK);
    do {
        status = store_snapshot_read(snapshot, &byte, 1, &count);
    } while (status == STORE_OK && count > 0);
    assert_int_equal(status, STORE_NO_SPACE);
    assert_int_equal(store_snapshot_read(snapshot, &byte, 1, &count), STORE_NO_SPACE);
    put(&p, "a", "1");
    store_snapshot_close(snapshot);
    image_of(&p, &image);
    image_free(&image);
    place_end(&p);
}

static void a_disk_without_room_takes_it_away(void **state) {
    (void)state;
    expect_interrupted(interrupt);
}

static void a_file_that_is_opened_anew_takes_it_away(void **state) {
    (void)state;
    expect_interrupted(reopen);
}

/* --- what is wrong with a file --- */

static void every_damaged_byte_is_found(void **state) {
    struct place restored;
    struct image image;
    struct bench b;
    struct place p;
    int tries = 0;

    (void)state;
    bench_init(&b);
    fill(&p);
    image_of(&p, &image);
    for (size_t at = 0; at < image.size; at += at < 1000 || at > image.size - 200 ? 1 : 797) {
        image.bytes[at] ^= 4;
        image_write(&image, image.size, b.file);
        expect_refused(&b, at < 16 ? "not a snapshot" : at >= 24 && at < 28 ? "" : "it is ", ++tries % 100 == 0);
        image.bytes[at] ^= 4;
    }
    expect_empty(&b);
    image_write(&image, image.size, b.file);
    restore(&b);
    open_restored(&b, &p, &restored);
    assert_int_equal(hash_of(&restored, 0), hash_of(&p, 0));
    place_end(&restored);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

static void every_truncation_is_found(void **state) {
    struct image image;
    struct bench b;
    struct place p;
    int tries = 0;

    (void)state;
    bench_init(&b);
    fill(&p);
    image_of(&p, &image);
    for (size_t size = 0; size < image.size; size += size < 1000 || size > image.size - 200 ? 1 : 797) {
        image_write(&image, size, b.file);
        expect_refused(&b, size < 16 ? "not a snapshot" : "cut off", ++tries % 100 == 0);
    }
    image.bytes[image.size] = '\0';
    image_write(&image, image.size + 1, b.file);
    expect_refused(&b, "behind the end", true);
    expect_empty(&b);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

static void a_directory_that_is_there_is_refused(void **state) {
    struct image image;
    struct bench b;
    struct place p;

    (void)state;
    bench_init(&b);
    place_start(&p);
    image_of(&p, &image);
    image_write(&image, image.size, b.file);
    assert_int_equal(mkdir(b.target, 0700), 0);
    expect_refused(&b, "exists already", true);
    assert_int_equal(rmdir(b.target), 0);
    expect_empty(&b);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

static void a_file_that_is_none_is_refused(void **state) {
    struct bench b;

    (void)state;
    bench_init(&b);
    expect_refused(&b, "No such file", true);
    snprintf(b.file, sizeof(b.file), "%s", b.directory);
    expect_refused(&b, "not a regular file", true);
    bench_fini(&b);
}

/* What a restore leaves that was killed is no obstacle to the next one. */
static void what_an_earlier_one_left_is_taken_over(void **state) {
    static const char *const files[] = {"data.mdb", "data.mdb.new", "journal", "larderd.lock"};
    struct place restored;
    struct image image;
    struct bench b;
    struct place p;
    char path[160];

    (void)state;
    bench_init(&b);
    fill(&p);
    image_of(&p, &image);
    image_write(&image, image.size, b.file);
    snprintf(path, sizeof(path), "%s.restoring", b.target);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s.restoring/%s", b.target, files[i]);
        image_write(&image, 5000, path);
    }
    restore(&b);
    open_restored(&b, &p, &restored);
    assert_int_equal(hash_of(&restored, 0), hash_of(&p, 0));
    place_end(&restored);
    expect_empty(&b);
    place_end(&p);
    image_free(&image);
    bench_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_store_has_all_but_the_identity),
        cmocka_unit_test(an_empty_store_can_be_restored),
        cmocka_unit_test(it_is_of_one_moment),
        cmocka_unit_test(one_that_is_not_read_to_its_end_can_be_closed),
        cmocka_unit_test(a_disk_without_room_takes_it_away),
        cmocka_unit_test(a_file_that_is_opened_anew_takes_it_away),
        cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(every_truncation_is_found),
        cmocka_unit_test(a_directory_that_is_there_is_refused),
        cmocka_unit_test(a_file_that_is_none_is_refused),
        cmocka_unit_test(what_an_earlier_one_left_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
