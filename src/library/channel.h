/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_CHANNEL_H
#define LARDER_LIBRARY_CHANNEL_H

#include <poll.h>

#include "library/memory.h"
#include "library/setup.h"
#include "proto/memcached/text_encode.h"

/* One connection to each server, for one thread at a time: questions are written down for their servers, and channel_run
 * sends them all at once and tells each answer as it comes. Keys are borrowed until then. */

enum { CHANNEL_ATTEMPTS_MAX = 3 /* of one question, at whatever server */ };

struct asked {
    struct slice key;
    size_t index; /* what the answer is told with */
    bool told;
};

/* A question to one server: a line that reads some keys, or one command. */
struct call {
    struct call *next;
    enum mc_text_verb verb;
    larder_answer_fn *fn;
    void *ctx;
    int64_t expiry_s; /* GAT */
    unsigned attempts;
    uint64_t start; /* where its bytes begin, counted from the first byte ever queued on the wire */
    size_t size;
    size_t count;  /* keys of `asked` */
    size_t cursor; /* where the next answer is looked for */
    size_t capacity;
    struct asked *asked; /* &one, or more */
    struct asked one;
};

enum wire_state { WIRE_IDLE, WIRE_CONNECTING, WIRE_OPEN };

struct wire {
    struct server *server;
    enum wire_state state;
    enum larder_status failed; /* found while a question was written down; channel_run deals with it */
    int fd;
    size_t endpoint;
    uint64_t opened;  /* how many sockets it has had */
    size_t polled;    /* 1 + its place among what is polled; 0: none */
    int64_t since_ns; /* connecting began, the last byte was sent, the last answer came */
    uint64_t queued, sent;
    struct bytes in, out;
    struct call *head, *tail; /* in the order of their answers */
    struct call *open;        /* a reading line that may take more keys */
};

struct channel {
    struct setup *setup;
    struct channel *next; /* in the pool */
    int64_t now_ns;
    struct call *spare;
    size_t spares;
    struct wire *wires; /* one for each server */
    struct pollfd *polled;
};

enum larder_status channel_new(struct setup *setup, struct channel **ret_channel);
void channel_free(struct channel *ch);

/* Reads the clock; first of a round. */
void channel_begin(struct channel *ch);

/* Asks for a key: GET, GETS, GAT; one key more of the line that reads, if that is alike in all but the key. What cannot be asked is
 * told at once. */
void channel_read(struct channel *ch, enum mc_text_verb verb, int64_t expiry_s, struct slice key, size_t index,
                  larder_answer_fn *fn, void *ctx, unsigned attempts);

/* Any other command: to the key's server, or (FLUSH, STATS, VERSION) to the server `index`. */
void channel_command(struct channel *ch, const struct mc_text_command *command, size_t index, larder_answer_fn *fn,
                     void *ctx);

/* Until everything is answered. */
void channel_run(struct channel *ch);

/* Inside the channel: */
void channel_refuse(struct channel *ch, const struct server *server, enum larder_status status, const char *reason,
                    size_t index, larder_answer_fn *fn, void *ctx);
void channel_give_back(struct channel *ch, struct call *call);
/* Sends what can be sent without waiting, and drops what has failed. Returns the number of wires that wait for something or may do
 * so, one of them in ret_one. */
size_t channel_send(struct channel *ch, struct wire **ret_one);
/* Ends a line that reads; there is room for it. */
void wire_close_line(struct wire *w);
void wire_open(struct channel *ch, struct wire *w);
/* Until when it is waited for. Of a wire with a question. */
int64_t wire_deadline(const struct channel *ch, const struct wire *w);
/* It is ready for what poll(2) calls `events`; 0: for nothing, and its time may be over. */
void wire_turn(struct channel *ch, struct wire *w, short events);
void wire_connected(struct channel *ch, struct wire *w);
void wire_send(struct channel *ch, struct wire *w);
void wire_receive(struct channel *ch, struct wire *w, bool wait);
/* Closes it; what waits is asked elsewhere if that is safe, or told `status`. `counts`: the server is to blame. */
void wire_drop(struct channel *ch, struct wire *w, enum larder_status status, bool counts);
/* Tells the answers that are whole. The wire may be dropped. */
void wire_answers(struct channel *ch, struct wire *w);

#endif
