/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/signal.h"
#include "net/ticker.h"
#include "net/timer.h"

enum { POSTERS = 4, MESSAGES = 2000 };

struct post {
    struct mailbox_message message;
    struct posting *posting;
    int poster;
    int number;
};

struct posting {
    struct loop *loop;
    struct mailbox *mailbox;
    struct post posts[POSTERS][MESSAGES];
    int next[POSTERS];
    int total;
    int out_of_order;
};

struct poster {
    struct posting *posting;
    int index;
};

static void on_post(struct mailbox_message *message) {
    struct post *post = (struct post *)message;
    struct posting *posting = post->posting;

    posting->out_of_order += posting->next[post->poster] != post->number;
    posting->next[post->poster] = post->number + 1;
    if (++posting->total == POSTERS * MESSAGES) {
        loop_stop(posting->loop);
    }
}

static void *post_all(void *arg) {
    struct poster *poster = arg;

    for (int i = 0; i < MESSAGES; i++) {
        struct post *post = &poster->posting->posts[poster->index][i];

        *post = (struct post){{.run = on_post}, poster->posting, poster->index, i};
        mailbox_post(poster->posting->mailbox, &post->message);
    }
    return NULL;
}

static void mailbox_keeps_each_posters_order(void **state) {
    struct posting *posting = calloc(1, sizeof(*posting));
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];

    (void)state;
    posting->loop = loop_new();
    posting->mailbox = mailbox_new(posting->loop);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){posting, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    loop_run(posting->loop);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(posting->total, POSTERS * MESSAGES);
    assert_int_equal(posting->out_of_order, 0);
    mailbox_free(posting->mailbox);
    loop_free(posting->loop);
    free(posting);
}

static void count_message(struct mailbox_message *message) {
    ((struct post *)message)->number++;
}

static void mailbox_free_runs_what_is_left(void **state) {
    struct loop *loop = loop_new();
    struct mailbox *mailbox = mailbox_new(loop);
    struct post post = {.message.run = count_message};

    (void)state;
    mailbox_post(mailbox, &post.message);
    mailbox_free(mailbox);
    assert_int_equal(post.number, 1);
    loop_free(loop);
}

static void *stop_loop(void *loop) {
    loop_stop(loop);
    return NULL;
}

static void stop_reaches_a_loop_from_any_thread_and_before_it_runs(void **state) {
    struct loop *loop = loop_new();
    pthread_t thread;

    (void)state;
    loop_stop(loop);
    loop_run(loop);
    assert_int_equal(pthread_create(&thread, NULL, stop_loop, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_free(loop);
}

struct ticks {
    struct loop *loop;
    struct timer *timer;
    int count;
    int stop_at;
    int64_t at_ns;
};

static void on_tick(void *ctx) {
    struct ticks *ticks = ctx;

    ticks->at_ns = clock_monotonic_ns();
    if (++ticks->count == ticks->stop_at) {
        timer_free(ticks->timer);
        loop_stop(ticks->loop);
    }
}

static void stay_awake(void *ctx) {
    (void)ctx;
}

static void timers_are_never_early(void **state) {
    struct loop *loop = loop_new();
    /* A loop that sleeps wakes late rather than early; one that is always awake shows the rounding. */
    struct ticker *ticker = ticker_new(loop, 50000, stay_awake, NULL);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct ticks ticks = {.loop = loop, .stop_at = 1};
        int64_t start = clock_monotonic_ns();

        ticks.timer = timer_new(loop, on_tick, &ticks);
        timer_start(ticks.timer, 2500 * INT64_C(1000), 0);
        assert_true(timer_running(ticks.timer));
        loop_run(loop);
        assert_true(ticks.at_ns - start >= 2500 * INT64_C(1000));
    }
    ticker_free(ticker);
    loop_free(loop);
}

static void timers_repeat_until_they_are_freed(void **state) {
    struct ticks ticks = {.loop = loop_new(), .stop_at = 3};
    struct ticks never = {.loop = ticks.loop, .stop_at = 1};

    (void)state;
    ticks.timer = timer_new(ticks.loop, on_tick, &ticks);
    never.timer = timer_new(ticks.loop, on_tick, &never);
    timer_start(ticks.timer, 0, CLOCK_NS_PER_MS);
    timer_start(never.timer, 0, 0);
    timer_stop(never.timer);
    loop_run(ticks.loop);
    assert_int_equal(ticks.count, 3);
    assert_int_equal(never.count, 0);
    assert_false(timer_running(never.timer));
    timer_free(never.timer);
    loop_free(ticks.loop);
}

struct fine_ticks {
    struct loop *loop;
    struct ticker *ticker;
    int count;
};

static void on_fine_tick(void *ctx) {
    struct fine_ticks *ticks = ctx;

    if (++ticks->count == 5) {
        ticker_free(ticks->ticker);
        loop_stop(ticks->loop);
    }
}

static void tickers_tick_below_the_millisecond_and_never_early(void **state) {
    struct fine_ticks ticks = {.loop = loop_new()};
    int64_t start = clock_monotonic_ns();

    (void)state;
    ticks.ticker = ticker_new(ticks.loop, 300000, on_fine_tick, &ticks);
    loop_run(ticks.loop);
    assert_int_equal(ticks.count, 5);
    assert_true(clock_monotonic_ns() - start >= 5 * 300000);
    loop_free(ticks.loop);
}

struct caught {
    struct loop *loop;
    int numbers[3];
    int count;
};

static void on_signal(void *ctx, int number) {
    struct caught *caught = ctx;

    caught->numbers[caught->count++] = number;
    loop_stop(caught->loop);
}

static void signals_arrive_on_the_loop(void **state) {
    static const int sent[] = {SIGTERM, SIGINT, SIGHUP};
    struct caught caught = {.loop = loop_new()};
    struct signal_watch *watch = signal_watch_new(caught.loop, on_signal, &caught);

    (void)state;
    for (int i = 0; i < 3; i++) {
        raise(sent[i]);
        loop_run(caught.loop);
        assert_int_equal(caught.count, i + 1);
        assert_int_equal(caught.numbers[i], sent[i]);
    }
    signal_watch_free(watch);
    loop_free(caught.loop);
}

static void the_clock_goes_on_between_turns(void **state) {
    struct ticks ticks = {.loop = loop_new(), .stop_at = 1};
    int64_t before = loop_now_ns(ticks.loop);

    (void)state;
    assert_true(before == loop_now_ns(ticks.loop));
    ticks.timer = timer_new(ticks.loop, on_tick, &ticks);
    timer_start(ticks.timer, 2 * CLOCK_NS_PER_MS, 0);
    loop_run(ticks.loop);
    assert_true(loop_now_ns(ticks.loop) - before >= 2 * CLOCK_NS_PER_MS);
    loop_free(ticks.loop);
}

struct standstill {
    struct mailbox_message message;
    struct caught *caught;
    struct ticks *ticks;
    int caught_before; /* when the timer came */
};

static void on_late_tick(void *ctx) {
    struct standstill *still = ctx;

    still->caught_before = still->caught->count;
    loop_stop(still->ticks->loop);
}

/* Something arrives and a timer is due while the loop is busy. */
static void stand_still(struct mailbox_message *message) {
    struct standstill *still = (struct standstill *)message;
    int64_t start = clock_monotonic_ns();

    raise(SIGHUP);
    timer_start(still->ticks->timer, CLOCK_NS_PER_MS, 0);
    while (clock_monotonic_ns() - start < 200 * CLOCK_NS_PER_MS) {
    }
}

static void who_stood_still_hears_before_its_patience_ends(void **state) {
    struct ticks ticks = {.loop = loop_new()};
    struct caught caught = {.loop = loop_new()}; /* a signal stops that one, which nobody runs */
    struct signal_watch *watch = signal_watch_new(ticks.loop, on_signal, &caught);
    struct mailbox *mailbox = mailbox_new(ticks.loop);
    struct standstill still = {.message.run = stand_still, .caught = &caught, .ticks = &ticks};

    (void)state;
    ticks.timer = timer_new(ticks.loop, on_late_tick, &still);
    mailbox_post(mailbox, &still.message);
    loop_run(ticks.loop);
    assert_int_equal(still.caught_before, 1);
    assert_false(timer_running(ticks.timer));
    signal_watch_free(watch);
    mailbox_free(mailbox);
    timer_free(ticks.timer);
    loop_free(ticks.loop);
    loop_free(caught.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailbox_keeps_each_posters_order),
        cmocka_unit_test(mailbox_free_runs_what_is_left),
        cmocka_unit_test(stop_reaches_a_loop_from_any_thread_and_before_it_runs),
        cmocka_unit_test(timers_are_never_early),
        cmocka_unit_test(timers_repeat_until_they_are_freed),
        cmocka_unit_test(tickers_tick_below_the_millisecond_and_never_early),
        cmocka_unit_test(signals_arrive_on_the_loop),
        cmocka_unit_test(the_clock_goes_on_between_turns),
        cmocka_unit_test(who_stood_still_hears_before_its_patience_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
