/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/decode.h"

#include "proto/memcached/token.h"

enum {
    ANY = 1000,          /* no upper limit to the tokens */
    TOKENS_COUNTED = 24, /* more than this are not told apart */
};

/* One row per command word: what it means, how many tokens it takes (the word counted), how the rest is read and
 * answered. The most frequent come first. */
static const struct row {
    struct slice word;
    enum command command;
    enum mc_form form;
    unsigned tokens_min;
    unsigned tokens_max;
    mc_decoder *decode;
} rows[] = {
#define ROW(word, command, form, min, max, decode)                                                                     \
    { {"" word, sizeof(word) - 1}, COMMAND_##command, MC_FORM_##form, min, max, decode }
    ROW("get", GET, GET, 2, ANY, mc_decode_get),
    ROW("set", SET, LINE, 5, 6, mc_decode_store),
    ROW("mg", GET, META, 2, ANY, mc_decode_meta),
    ROW("ms", SET, META, 2, ANY, mc_decode_meta),
    ROW("gets", GET, GET, 2, ANY, mc_decode_get),
    ROW("md", DELETE, META, 2, ANY, mc_decode_meta),
    ROW("ma", INCR, META, 2, ANY, mc_decode_meta),
    ROW("mn", NOOP, NOOP, 1, ANY, NULL),
    ROW("me", DEBUG, DEBUG, 1, ANY, mc_decode_meta_debug),
    ROW("gat", GAT, GET, 2, ANY, mc_decode_get),
    ROW("gats", GAT, GET, 2, ANY, mc_decode_get),
    ROW("add", ADD, LINE, 5, 6, mc_decode_store),
    ROW("replace", REPLACE, LINE, 5, 6, mc_decode_store),
    ROW("append", APPEND, LINE, 5, 6, mc_decode_store),
    ROW("prepend", PREPEND, LINE, 5, 6, mc_decode_store),
    ROW("cas", CAS, LINE, 6, 7, mc_decode_store),
    ROW("incr", INCR, LINE, 3, 4, mc_decode_arith),
    ROW("decr", DECR, LINE, 3, 4, mc_decode_arith),
    ROW("delete", DELETE, LINE, 2, 4, mc_decode_delete),
    ROW("touch", TOUCH, LINE, 3, 4, mc_decode_touch),
    ROW("stats", STATS, STATS, 1, ANY, NULL),
    ROW("flush_all", FLUSH, LINE, 1, 3, mc_decode_flush),
    ROW("version", VERSION, LINE, 1, ANY, NULL),
    ROW("verbosity", VERBOSITY, LINE, 2, 3, mc_decode_verbosity),
    ROW("quit", QUIT, QUIT, 1, ANY, NULL),
    ROW("shutdown", INVALID, LINE, 1, ANY, mc_decode_shutdown),
#undef ROW
};

static const struct row *find_row(struct slice word) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (slice_equal(rows[i].word, word)) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool count_fits(const struct row *row, struct slice rest) {
    unsigned count;

    if (row->tokens_min == 1 && row->tokens_max == ANY) {
        return true;
    }
    count = 1 + token_count(rest, row->tokens_max == ANY ? row->tokens_min : TOKENS_COUNTED);
    return count >= row->tokens_min && count <= row->tokens_max;
}

/* The commonest line of all, one key to get, without the detours. */
static bool decode_single_get(struct slice line, struct mc_command *command) {
    struct slice key;

    if (!slice_has_prefix(line, SLICE("get "))) {
        return false;
    }
    key = slice_skip(line, 4);
    if (key.size == 0 || key.size > REQUEST_KEY_MAX || memchr(key.data, ' ', key.size) != NULL) {
        return false;
    }
    command->request.command = COMMAND_GET;
    command->request.key = key;
    command->form = MC_FORM_GET;
    command->more_keys.size = 0;
    return true;
}

void mc_decode(struct slice line, struct mc_command *command) {
    struct slice rest = line;
    struct slice word;
    const struct row *row;

    mc_command_clear(command);
    if (decode_single_get(line, command)) {
        return;
    }
    command->request.command = COMMAND_INVALID;
    if (!token_next(&rest, &word) || (row = find_row(word)) == NULL || !count_fits(row, rest)) {
        mc_fail(command, MC_ERROR);
        return;
    }
    command->request.command = row->command;
    command->form = row->form;
    command->verb = word.data[1];
    command->arguments = rest;
    if (row->form == MC_FORM_GET) {
        command->show_cas = word.data[word.size - 1] == 's';
    }
    if (row->decode != NULL) {
        row->decode(rest, command);
    }
}

bool mc_line_may_be_long(struct slice start) {
    struct slice word;

    return token_next(&start, &word) && start.size > 0 &&
           (slice_equal(word, SLICE("get")) || slice_equal(word, SLICE("gets")));
}

bool mc_next_key(struct mc_command *command) {
    return command->more_keys.size > 0 && token_next(&command->more_keys, &command->request.key);
}

struct slice mc_first_argument(const struct mc_command *command) {
    struct slice rest = command->arguments;
    struct slice word;

    return token_next(&rest, &word) ? word : slice_make("", 0);
}
