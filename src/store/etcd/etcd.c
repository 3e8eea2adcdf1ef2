/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/etcd.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/loop.h"
#include "store/etcd/internal.h"

enum { LOOK_EVERY_MS = 200 };

/* --- errands --- */

void etcd_store_post(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_errand *head = atomic_load_explicit(&s->newest, memory_order_relaxed);

    do {
        errand->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&s->newest, &head, errand, memory_order_acq_rel, memory_order_relaxed));
    /* Whoever finds it empty comes after the message was taken out of the mailbox. */
    if (head == NULL) {
        mailbox_post(s->mailbox, &s->message);
    }
}

static void run_guests(struct etcd_store *s) {
    for (struct etcd_guest *guest = s->guests; guest != NULL && s->driver != NULL; guest = guest->next) {
        guest->run(guest->ctx);
    }
}

static void run_errands(struct etcd_store *s) {
    struct etcd_errand *list = atomic_exchange_explicit(&s->newest, NULL, memory_order_acq_rel);
    struct etcd_errand *first = NULL;

    while (list != NULL) {
        struct etcd_errand *next = list->next;

        list->next = first;
        first = list;
        list = next;
    }
    while (first != NULL) {
        struct etcd_errand *next = first->next;

        first->run(&s->base, first);
        first = next;
    }
    etcd_call_settle(s);
    run_guests(s);
}

static void on_message(struct mailbox_message *message) {
    run_errands((struct etcd_store *)(void *)((char *)message - offsetof(struct etcd_store, message)));
}

void etcd_store_note_revision(struct etcd_store *s, int64_t revision) {
    /* The revision after it has to be a number, too. */
    if (revision > atomic_load_explicit(&s->revision, memory_order_relaxed) && revision < INT64_MAX) {
        atomic_store(&s->revision, revision);
    }
}

void etcd_store_forget_revision(struct store *store) {
    struct etcd_store *s = etcd_store_of(store);

    if (s->driver != NULL) {
        etcd_client_forget_revision(etcd_driver_client(s->driver));
    }
    atomic_store(&s->revision, 0);
}

/* --- what an engine has --- */

static bool observe(struct store *store, const struct store_observer *observer, void *ctx) {
    (void)store;
    (void)observer;
    (void)ctx;
    return false;
}

/* No copy is told of anything, so there is nothing to prove. */
static int64_t proven_ns(struct store *store) {
    (void)store;
    return INT64_MIN;
}

static int64_t revision(const struct store *store) {
    return atomic_load(&((const struct etcd_store *)(const void *)store)->revision);
}

/* There are no notes in a cluster, so there is none of any name. */
static enum store_status note_get(struct store *store, struct slice name, struct arena *arena,
                                  struct slice *ret_value) {
    (void)store;
    (void)name;
    (void)arena;
    *ret_value = slice_make("", 0);
    return STORE_OK;
}

static enum store_status hash_kv(struct store *store, int64_t at, uint32_t *ret_hash, int64_t *ret_revision,
                                 int64_t *ret_compact_revision) {
    (void)at;
    *ret_hash = 0;
    *ret_revision = revision(store);
    *ret_compact_revision = -1;
    return STORE_UNSUPPORTED;
}

static enum store_status hash(struct store *store, uint32_t *ret_hash, int64_t *ret_revision) {
    *ret_hash = 0;
    *ret_revision = revision(store);
    return STORE_UNSUPPORTED;
}

static struct store_snapshot *snapshot_open(struct store *store, enum store_status *ret_status) {
    (void)store;
    *ret_status = STORE_UNSUPPORTED;
    return NULL;
}

static void get_figures(struct store *store, struct store_figures *ret_figures) {
    struct etcd_store *s = etcd_store_of(store);

    *ret_figures = (struct store_figures){
        .revision = atomic_load(&s->revision),
        .watchers = atomic_load(&s->watcher_count),
        .waiting = atomic_load(&s->waiting),
    };
}

/* --- the thread --- */

static void on_look_time(void *ctx) {
    etcd_store_update_look(ctx);
}

/* On the engine's thread: ends everything. */
static void on_stop(struct mailbox_message *message) {
    struct etcd_store *s = (struct etcd_store *)(void *)((char *)message - offsetof(struct etcd_store, stop_message));

    loop_stop(s->loop);
}

/* --- guests --- */

static void arm_guest_timer(struct etcd_store *s) {
    int64_t now = clock_monotonic_ns();
    int64_t earliest = INT64_MAX;

    for (const struct etcd_guest *guest = s->guests; guest != NULL; guest = guest->next) {
        earliest = guest->wake_ns < earliest ? guest->wake_ns : earliest;
    }
    if (earliest == INT64_MAX) {
        timer_stop(s->guest_timer);
    } else {
        timer_start(s->guest_timer, earliest > now ? earliest - now : 0, 0);
    }
}

/* A wish that has come true is over; those of the others still stand. */
static void on_guest_time(void *ctx) {
    struct etcd_store *s = ctx;
    int64_t now = clock_monotonic_ns();

    for (struct etcd_guest *guest = s->guests; guest != NULL; guest = guest->next) {
        guest->wake_ns = guest->wake_ns <= now ? INT64_MAX : guest->wake_ns;
    }
    run_guests(s);
    arm_guest_timer(s);
}

void etcd_store_add_guest(struct store *store, struct etcd_guest *guest) {
    struct etcd_store *s = etcd_store_of(store);

    guest->wake_ns = INT64_MAX;
    guest->next = s->guests;
    s->guests = guest;
}

void etcd_store_wake_at(struct store *store, struct etcd_guest *guest, int64_t at_ns) {
    guest->wake_ns = at_ns;
    arm_guest_timer(etcd_store_of(store));
}

struct etcd_client *etcd_store_client(struct store *store) {
    struct etcd_store *s = etcd_store_of(store);

    return s->driver != NULL ? etcd_driver_client(s->driver) : NULL;
}

struct etcd_watches *etcd_store_watches(struct store *store) {
    return etcd_store_of(store)->watches;
}

/* What is under way ends as the client goes. Errands that come from now on are run when the mailbox is freed, and end then,
 * because there is no client any more; not here, where their message is still in the mailbox and must not be posted again. */
static void end_all(struct etcd_store *s) {
    struct etcd_driver *driver = s->driver;

    for (struct etcd_guest *guest = s->guests; guest != NULL; guest = guest->next) {
        guest->end(guest->ctx);
    }
    etcd_watches_free(s->watches);
    s->watches = NULL;
    s->driver = NULL;
    etcd_driver_free(driver);
    etcd_call_pump(s); /* what waited for its turn ends as well */
}

static void *thread_main(void *ctx) {
    struct etcd_store *s = ctx;

    loop_run(s->loop);
    end_all(s);
    return NULL;
}

static bool start_thread(struct etcd_store *s) {
    sigset_t all;
    sigset_t before;
    int failed;

    /* Signals are the control thread's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&s->thread, NULL, thread_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

/* --- opening and closing --- */

static void free_store(struct etcd_store *s) {
    mailbox_free(s->mailbox); /* first: it runs the errands that are left */
    if (s->watches != NULL) {
        etcd_watches_free(s->watches);
    }
    if (s->driver != NULL) {
        etcd_driver_free(s->driver);
    }
    etcd_order_free(s->order);
    if (s->loop != NULL) {
        timer_free(s->look_timer);
        timer_free(s->guest_timer);
        timer_free(s->merge.timer);
        loop_free(s->loop);
    }
    pthread_mutex_destroy(&s->look_lock);
    free(s);
}

static void close_store(struct store *store) {
    struct etcd_store *s = etcd_store_of(store);

    atomic_store(&s->closing, true);
    s->stop_message.run = on_stop;
    mailbox_post(s->mailbox, &s->stop_message);
    pthread_join(s->thread, NULL);
    free_store(s);
}

static const struct store_engine engine = {
    .submit = etcd_store_submit,
    .watch_open = etcd_watcher_open,
    .watcher_next = etcd_watcher_next,
    .watcher_close = etcd_watcher_close,
    .observe = observe,
    .proven_ns = proven_ns,
    .revision = revision,
    .note_get = note_get,
    .hash_kv = hash_kv,
    .hash = hash,
    .snapshot_open = snapshot_open,
    .get_figures = get_figures,
    .close = close_store,
};

static bool make_means(struct etcd_store *s, const struct etcd_store_config *config, struct buf *why) {
    struct etcd_client_config client = config->client;

    s->loop = loop_new();
    if (s->loop != NULL) {
        s->mailbox = mailbox_new(s->loop);
        s->look_timer = timer_new(s->loop, on_look_time, s);
        s->guest_timer = timer_new(s->loop, on_guest_time, s);
    }
    s->order = etcd_order_new(random_os_seed());
    if (s->mailbox == NULL || s->look_timer == NULL || s->guest_timer == NULL || !etcd_merge_init(s) ||
        s->order == NULL) {
        buf_printf(why, "out of memory or descriptors");
        return false;
    }
    client.facts = &s->facts;
    client.has_certificate = config->has_tls && config->tls.certificate != NULL;
    s->driver = etcd_driver_new(s->loop, &client, config->has_tls ? &config->tls : NULL, why);
    if (s->driver == NULL) {
        return false;
    }
    s->watches = etcd_watches_new(etcd_driver_client(s->driver));
    if (s->watches == NULL) {
        buf_printf(why, "out of memory");
        return false;
    }
    return true;
}

struct store *etcd_store_open(const struct etcd_store_config *config, struct buf *why) {
    struct etcd_store *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    s->base.engine = &engine;
    atomic_init(&s->facts.open_ns, INT64_MIN);
    s->max_pending = config->max_pending;
    s->max_watchers = config->max_watchers;
    s->request_timeout_ns = config->client.request_timeout_ns;
    s->message.run = on_message;
    s->started_ns = clock_monotonic_ns();
    pthread_mutex_init(&s->look_lock, NULL);
    if (!make_means(s, config, why)) {
        free_store(s);
        return NULL;
    }
    etcd_client_start(etcd_driver_client(s->driver));
    etcd_store_update_look(s);
    timer_start(s->look_timer, LOOK_EVERY_MS * CLOCK_NS_PER_MS, LOOK_EVERY_MS * CLOCK_NS_PER_MS);
    if (!start_thread(s)) {
        buf_printf(why, "no thread can be started; raise the limit of processes");
        free_store(s);
        return NULL;
    }
    return &s->base;
}

/* --- what is known of the cluster --- */

const struct etcd_store *etcd_store_cluster_of(const struct store *store) {
    return store != NULL && store->engine == &engine ? (const struct etcd_store *)(const void *)store : NULL;
}

bool etcd_store_look(struct store *store, struct etcd_store_look *ret_look) {
    struct etcd_store *s = etcd_store_of(store);

    if (etcd_store_cluster_of(store) == NULL) {
        return false;
    }
    pthread_mutex_lock(&s->look_lock);
    *ret_look = s->look;
    pthread_mutex_unlock(&s->look_lock);
    return true;
}

bool etcd_store_is_ready(struct store *store, char ret_trouble[ETCD_MEMBER_TEXT_MAX]) {
    struct etcd_store *s = etcd_store_of(store);
    bool ready;

    ret_trouble[0] = '\0';
    if (etcd_store_cluster_of(store) == NULL) {
        return true;
    }
    pthread_mutex_lock(&s->look_lock);
    ready = s->look.ready;
    memcpy(ret_trouble, s->look.trouble, ETCD_MEMBER_TEXT_MAX);
    pthread_mutex_unlock(&s->look_lock);
    return ready;
}

const struct etcd_facts *etcd_store_facts(const struct store *store) {
    const struct etcd_store *s = etcd_store_cluster_of(store);

    return s != NULL ? &s->facts : NULL;
}
