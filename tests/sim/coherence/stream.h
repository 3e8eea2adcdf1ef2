/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_STREAM_H
#define LARDER_TESTS_SIM_COHERENCE_STREAM_H

#include "../clock.h"
#include "store/store.h"

struct trial;

/* The watch of one machine, and the connection it has to a member. What is sent on one connection arrives in its order. */
struct stream {
    struct trial *trial;
    size_t machine;
    bool is_wanted; /* by the machine, and not ended */
    bool is_connected;
    bool is_silent;      /* connected, but nothing is sent */
    unsigned watch;      /* counts what the machine opened */
    unsigned connection; /* counts connections, also those that failed */
    size_t member;
    int64_t start;           /* asked for by the machine */
    int64_t next;            /* to be sent */
    int64_t arrived;         /* the highest revision that came of this watch; 0: none */
    int64_t sent_ns;         /* nothing arrives before this */
    struct sim_event *event; /* the next try to connect, or to send */
    bool ends_badly;         /* at the next try to connect */
};

void stream_init(struct stream *stream, struct trial *trial, size_t machine);

/* As coherence_world's. */
void stream_open(struct stream *stream, int64_t start);
void stream_ask_progress(struct stream *stream);

/* Something was changed. */
void stream_stir(struct stream *stream);

/* --- what can go wrong --- */

void stream_lose(struct stream *stream);
/* The engine has seen that it is lost: it tries again by itself. */
void stream_go_on(struct stream *stream);
void stream_silence(struct stream *stream, bool is_silent);
/* Sends some revisions again. */
void stream_go_back(struct stream *stream);
/* Ends it for good, with some status. */
void stream_refuse(struct stream *stream);
/* Tells of progress that is true, unasked. */
void stream_tell_progress(struct stream *stream);
void stream_close(struct stream *stream);

#endif
