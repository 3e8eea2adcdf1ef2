/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_COHERE_SCRIPT_H
#define LARDER_TESTS_COHERE_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cohere/coherence.h"

/* A world for the coherence machine in which nothing happens but what the test says: what the machine asks of the cluster lies
 * there until the test answers it, and time stands still until the test moves it. */
enum { SCRIPT_CALLS = 4096, SCRIPT_READS = 1024 };

#define MS CLOCK_NS_PER_MS

struct script {
    struct coherence_config config;
    struct coherence_world world;
    struct coherence_policy policy; /* of every key but those below "x/" */
    struct keyspace *keys;
    struct coherence *machine;
    _Atomic int64_t now_ns; /* the one thing that readers on other threads look at */
    int64_t wake_ns;
    struct store_call *asked[SCRIPT_CALLS]; /* by the machine, not answered yet, in order */
    size_t asked_count;
    int64_t watched_from; /* 0: it was not asked for since the last look */
    unsigned watches;
    unsigned progress_asked;
    unsigned resets;
    unsigned rewound; /* of them */
    unsigned retired_shown;
    int64_t told;       /* the revision up to which the observer was told */
    size_t told_events; /* events it was told of */
    size_t early;       /* writes it was told of early */
    int64_t early_revision;
    bool early_delete;
};

/* A call of somebody, and what became of it. */
struct asker {
    struct store_call call; /* first */
    bool done;
};

void script_init(struct script *s);
/* With s->config as it is then; the world is there. */
void script_make(struct script *s);
void script_fini(struct script *s);

/* Makes it and begins at this revision. */
void script_begin(struct script *s, int64_t revision);

void script_run(struct script *s);
/* Time passes, and what is due is done. */
void script_pass(struct script *s, int64_t ns);

/* --- the cluster --- */

/* The first question that is not answered yet. */
struct store_call *script_asked(struct script *s);
/* The first that is a question of this kind about this key (NULL: any). NULL: there is none. */
struct store_call *script_find(struct script *s, enum store_op_kind kind, const char *key);
/* The round's question; NULL: none is under way. */
struct store_call *script_round(struct script *s);
void script_answer(struct script *s, struct store_call *call, enum store_status status, int64_t revision);
void script_answer_round(struct script *s, int64_t revision);
/* Answers a question about one key: "" for value: it is absent. */
void script_answer_key(struct script *s, struct store_call *call, int64_t revision, const char *value, int64_t mod);

void script_put(struct script *s, const char *key, const char *value, int64_t revision);
void script_delete(struct script *s, const char *key, int64_t revision);

struct kv script_kv(const char *key, const char *value, int64_t mod);

/* --- those who ask --- */

void ask_init(struct asker *a);
void ask_get(struct asker *a, const char *key);
void ask_range(struct asker *a, const char *key, const char *end);
void ask_put(struct asker *a, const char *key, const char *value);
void ask_delete(struct asker *a, const char *key);
/* Hands it in, and runs. */
void ask(struct script *s, struct asker *a);

/* A linearizable read; it is handed in. */
void ask_linearizable(struct script *s, struct asker *a, const char *key);
/* What is at most `age_ns` old; without asking anybody. */
bool ask_memory(struct script *s, struct asker *a, const char *key, int64_t age_ns);

/* It was answered with this value ("": absent) as of this revision; frees it. */
void answered_with(struct asker *a, const char *value, int64_t revision);
void ended_with(struct asker *a, enum store_status status);

struct coherence_figures script_figures(struct script *s);

/* The key is known: a flight has landed. */
void script_know(struct script *s, const char *key, const char *value, int64_t mod, int64_t revision);

#endif
