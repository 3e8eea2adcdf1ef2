/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/observe/traced_memcached.h"

#define DEFAULT_SERVER "127.0.0.1:11211"
#define DEFAULT_TIMEOUT_NS (5 * CLOCK_NS_PER_S)

struct ask ask_defaults(const char *program) {
    const char *server = getenv("LARDER_SERVER");
    const char *user = getenv("LARDER_USER");

    return (struct ask){
        .program = program,
        .server = server == NULL || *server == '\0' ? DEFAULT_SERVER : server,
        .user = user == NULL || *user == '\0' ? NULL : user,
        .timeout_ns = DEFAULT_TIMEOUT_NS,
    };
}

bool ask_parse(const struct ask_usage *usage, int argc, char **argv, struct ask *target, int *ret_words,
               int *ret_code) {
    const char *program = target->program;

    *ret_code = EXIT_CODE_USAGE;
    switch (options_parse(usage->rows, program, argc, argv, target, ret_words)) {
    case OPTIONS_HELP:
        fputs(usage->text, stdout);
        fputs("\noptions:\n", stdout);
        options_print(usage->rows, stdout);
        fputs("\n" ASK_EXIT_CODES, stdout);
        *ret_code = EXIT_CODE_OK;
        return false;
    case OPTIONS_WRONG:
        return false;
    case OPTIONS_DONE:
        break;
    }
    if (*ret_words < usage->min_words || *ret_words > usage->max_words) {
        fprintf(stderr, "%s: expected %s; see %s --help\n", program, usage->words, program);
        return false;
    }
    return true;
}

int ask_read_server(const struct ask *ask, struct address *ret_address) {
    const char *reason;

    if (address_parse(slice_from_string(ask->server), ret_address, &reason)) {
        return EXIT_CODE_OK;
    }
    fprintf(stderr, "%s: the server '%s' cannot be read: %s; write it like " DEFAULT_SERVER "\n", ask->program,
            ask->server, reason);
    return EXIT_CODE_USAGE;
}

/* --- who asks --- */

bool ask_user_is_good(const struct ask *ask, int *ret_code) {
    if (ask->user == NULL || strchr(ask->user, ':') != NULL) {
        return true;
    }
    fprintf(stderr, "%s: --user and LARDER_USER are a name and a password: NAME:PASSWORD\n", ask->program);
    *ret_code = EXIT_CODE_USAGE;
    return false;
}

struct login {
    const struct ask *ask;
    int code;
};

static void take_login(void *ctx, const struct answer *answer) {
    struct login *login = ctx;

    if (answer->reply.result != RESULT_STORED) {
        login->code = ask_explain_refusal(login->ask, "let this user in", answer);
    }
}

/* A connection of memcached's protocol says first whose it is. */
static int log_in(const struct ask *ask) {
    struct login login = {.ask = ask, .code = EXIT_CODE_OK};
    struct request request = {.command = COMMAND_SET, .key = SLICE("larder-auth")};
    enum larder_error error = LARDER_ERROR_NO_MEMORY;
    char *words = strdup(ask->user);

    if (words != NULL) {
        *strchr(words, ':') = ' ';
        request.value = slice_from_string(words);
        error = client_call(ask->client, &request, take_login, &login);
        explicit_bzero(words, request.value.size);
        free(words);
    }
    return error == LARDER_OK ? login.code : ask_explain_error(ask, error);
}

int ask_open(struct ask *ask) {
    const struct client_options options = {
        .connect_timeout_ns = ask->timeout_ns, .timeout_ns = ask->timeout_ns, .observer = traced_memcached()};
    struct address address;
    enum larder_error error;
    int code = ask_read_server(ask, &address);

    if (code != EXIT_CODE_OK || !ask_user_is_good(ask, &code)) {
        return code;
    }
    error = client_open(&address, &options, &ask->client);
    if (error == LARDER_ERROR_NOT_FOUND) {
        fprintf(stderr, "%s: cannot reach %s: there is no host of that name; check the spelling\n", ask->program,
                ask->server);
        return EXIT_CODE_UNREACHABLE;
    }
    if (error != LARDER_OK) {
        return ask_explain_error(ask, error);
    }
    code = ask->user == NULL ? EXIT_CODE_OK : log_in(ask);
    if (code != EXIT_CODE_OK) {
        ask_close(ask);
    }
    return code;
}

void ask_close(struct ask *ask) {
    client_close(ask->client);
    ask->client = NULL;
}

int ask_explain_error(const struct ask *ask, enum larder_error error) {
    double seconds = (double)ask->timeout_ns / (double)CLOCK_NS_PER_S;

    switch (error) {
    case LARDER_ERROR_REFUSED:
    case LARDER_ERROR_NOT_FOUND:
        fprintf(stderr, "%s: cannot reach %s: %s; is larderd running? start one with: larderd\n", ask->program,
                ask->server, error == LARDER_ERROR_REFUSED ? "connection refused" : "there is no such socket");
        return EXIT_CODE_UNREACHABLE;
    case LARDER_ERROR_TIMEOUT:
        fprintf(stderr, "%s: %s did not answer within %g s; wait longer with --timeout, or look at the server's log\n",
                ask->program, ask->server, seconds);
        return EXIT_CODE_UNREACHABLE;
    case LARDER_ERROR_CLOSED:
        fprintf(stderr, "%s: %s closed the connection; it may be stopping or have too many connections: try again\n",
                ask->program, ask->server);
        return EXIT_CODE_UNREACHABLE;
    case LARDER_ERROR_PROTOCOL:
        fprintf(stderr, "%s: %s does not answer like memcached 1.6 or Larder; is it the right port?\n", ask->program,
                ask->server);
        return EXIT_CODE_SERVER;
    case LARDER_ERROR_INVALID:
        fprintf(stderr, "%s: a key has 1 to %d bytes (186 if it holds spaces or control bytes)\n", ask->program,
                REQUEST_KEY_MAX);
        return EXIT_CODE_USAGE;
    case LARDER_ERROR_LIMIT:
        fprintf(stderr, "%s: the value is larger than the %d MiB that this tool takes\n", ask->program,
                PEER_VALUE_MAX >> 20);
        return EXIT_CODE_SERVER;
    default:
        fprintf(stderr, "%s: cannot reach %s: %s\n", ask->program, ask->server, larder_error_text(error));
        return EXIT_CODE_UNREACHABLE;
    }
}

bool ask_is_refusal(const struct answer *answer) {
    enum result_class class = result_class(answer->reply.result);

    return class == RESULT_CLASS_ERROR || class == RESULT_CLASS_REFUSED;
}

static const char *advice(const struct answer *answer) {
    if (slice_equal(answer->text, SLICE("unauthenticated"))) {
        return "; name a user with --user NAME:PASSWORD or in LARDER_USER";
    }
    if (answer->reply.result == RESULT_TOO_LARGE) {
        return "; see the server's --max-item (memcached: -I)";
    }
    /* A bare ERROR; one with words, like that of too many connections, speaks for itself. */
    return answer->reply.result == RESULT_UNSUPPORTED && answer->text.size == 0 ? ": it does not know this command"
                                                                                : "";
}

/* A server's words may not steer the terminal. */
static void copy_printable(struct slice text, char ret_words[SLICE_ESCAPED_MAX]) {
    size_t size = text.size < SLICE_ESCAPED_MAX ? text.size : SLICE_ESCAPED_MAX - 1;

    for (size_t i = 0; i < size; i++) {
        ret_words[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    ret_words[size] = '\0';
}

int ask_explain_refusal(const struct ask *ask, const char *what, const struct answer *answer) {
    char words[SLICE_ESCAPED_MAX];

    copy_printable(answer->text, words);
    fprintf(stderr, "%s: the server refused to %s%s%s%s\n", ask->program, what, *words == '\0' ? "" : ": ", words,
            advice(answer));
    return EXIT_CODE_SERVER;
}
