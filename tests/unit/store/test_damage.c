/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/random.h"
#include "harness.h"

enum { KEYS = 300, LONG_VALUE = 9000, SEEDS = 150, PAGE = 4096 };

/* A good file, with records of all sizes, history and free pages. */
struct image {
    char *bytes;
    size_t size;
};

static void file_name(const struct place *p, char path[128]) {
    snprintf(path, 128, "%s/data.mdb", p->directory);
}

static void read_image(const struct place *p, struct image *image) {
    char path[128];
    struct stat stat;
    int fd;

    file_name(p, path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &stat), 0);
    image->size = (size_t)stat.st_size;
    image->bytes = malloc(image->size);
    assert_non_null(image->bytes);
    assert_int_equal(read(fd, image->bytes, image->size), (ssize_t)image->size);
    close(fd);
}

static void write_image(const struct place *p, const struct image *image) {
    char path[128];
    int fd;

    file_name(p, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image->bytes, image->size), (ssize_t)image->size);
    close(fd);
}

static void make_image(struct place *p, struct image *image) {
    char *value = malloc(LONG_VALUE + 1);

    assert_non_null(value);
    memset(value, 'v', LONG_VALUE);
    place_init(p);
    p->config.no_sync = true;
    place_open(p);
    for (int i = 0; i < KEYS; i++) {
        char key[32];

        value[i % 10 == 0 ? LONG_VALUE : i] = '\0';
        snprintf(key, sizeof(key), "key/%d", i);
        put(p, key, value);
        put(p, key, value);
        memset(value, 'v', LONG_VALUE);
    }
    compact(p, KEYS);
    place_reopen(p);
    store_close(p->store);
    read_image(p, image);
    free(value);
}

static void damage(struct image *image, struct random *random) {
    size_t page = (size_t)random_below(random, image->size / PAGE) * PAGE;

    switch (random_below(random, 5)) {
    case 0:
        for (int i = 0; i < 20; i++) {
            image->bytes[random_below(random, image->size)] ^= (char)(1 << random_below(random, 8));
        }
        break;
    case 1:
        memset(image->bytes + page, 0, PAGE);
        break;
    case 2:
        for (int i = 0; i < PAGE; i++) {
            image->bytes[page + (size_t)i] = (char)random_next(random);
        }
        break;
    case 3:
        for (int i = 0; i < 4; i++) {
            image->bytes[page + random_below(random, 32)] = (char)random_next(random);
        }
        break;
    default:
        image->size = (size_t)random_below(random, image->size);
        break;
    }
}

/* Everything is there, or it was said that something is not. */
static bool reads_well(struct place *p) {
    struct store_op op = {.kind = STORE_OP_RANGE, .range = {.span = span_all()}};
    struct awaited a;
    enum store_status status = run(p, &a, op);

    assert_true(status == STORE_OK || status == STORE_DAMAGED);
    if (status == STORE_OK) {
        assert_int_equal(a.call.result.kv_count, KEYS);
    }
    awaited_end(&a);
    return status == STORE_OK;
}

static void a_damaged_file_is_an_error_and_no_crash(void **state) {
    struct image image;
    struct place p;
    int refused = 0;

    (void)state;
    make_image(&p, &image);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct image damaged = {.bytes = malloc(image.size), .size = image.size};
        struct random random;
        struct buf why;

        assert_non_null(damaged.bytes);
        memcpy(damaged.bytes, image.bytes, image.size);
        random_init(&random, seed);
        damage(&damaged, &random);
        write_image(&p, &damaged);
        free(damaged.bytes);
        buf_init(&why, 4096);
        p.store = local_open(&p.config, &why);
        if (p.store != NULL) {
            reads_well(&p);
            store_close(p.store);
        } else {
            assert_non_null(memmem(why.data, why.size, p.directory, strlen(p.directory)));
            refused++;
        }
        buf_fini(&why);
    }
    /* Some pages are not in use. */
    assert_true(refused > SEEDS / 2);
    write_image(&p, &image);
    place_open(&p);
    assert_true(reads_well(&p));
    place_end(&p);
    free(image.bytes);
}

static void a_newer_format_is_refused(void **state) {
    struct image image;
    struct buf why;
    struct place p;
    char *format;

    (void)state;
    make_image(&p, &image);
    /* Its number stands behind its name. */
    format = memmem(image.bytes, image.size, "format\0\0\0\0\0\0\0\2", 14);
    while (format != NULL) {
        format[13] = 3;
        format = memmem(image.bytes, image.size, "format\0\0\0\0\0\0\0\2", 14);
    }
    write_image(&p, &image);
    buf_init(&why, 4096);
    assert_null(local_open(&p.config, &why));
    assert_non_null(memmem(why.data, why.size, "has format 3", 12));
    assert_non_null(memmem(why.data, why.size, "use the newer larderd", 21));
    buf_fini(&why);
    place_remove(&p);
    free(image.bytes);
}

static void expect_refusal(struct place *p, const char *phrase) {
    struct buf why;

    buf_init(&why, 4096);
    assert_null(local_open(&p->config, &why));
    assert_non_null(memmem(why.data, why.size, phrase, strlen(phrase)));
    buf_fini(&why);
}

/* The journal alone is no store, and must not become an empty one. */
static void a_missing_data_file_is_refused(void **state) {
    struct image none = {0};
    struct image image;
    char path[128];
    struct place p;

    (void)state;
    make_image(&p, &image);
    file_name(&p, path);
    assert_int_equal(unlink(path), 0);
    expect_refusal(&p, "data.mdb is missing or empty");
    write_image(&p, &none);
    expect_refusal(&p, "data.mdb is missing or empty");
    write_image(&p, &image);
    place_open(&p);
    assert_true(reads_well(&p));
    place_end(&p);
    free(image.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_file_is_an_error_and_no_crash),
        cmocka_unit_test(a_newer_format_is_refused),
        cmocka_unit_test(a_missing_data_file_is_refused),
    };

    return cmocka_run_group_tests_name("store-damage", tests, NULL, NULL);
}
