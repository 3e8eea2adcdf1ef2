/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/response.h"

#include "base/number.h"

enum form { FORM_BARE, FORM_TEXT, FORM_PAIR, FORM_VALUE, FORM_META, FORM_SIZED };

static const struct word {
    struct slice text;
    enum form form;
} words[] = {
#define RESPONSE(name, word, form) {{"" word, sizeof(word) - 1}, FORM_##form},
#include "proto/memcached/responses.def"
#undef RESPONSE
};

enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };

/* Cuts the next token off `rest`: what stands before the next space, which is dropped too. Empty at the end. */
static struct slice next_token(struct slice *rest) {
    const char *space = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
    struct slice token = *rest;

    if (space == NULL) {
        *rest = slice_make(rest->data + rest->size, 0);
        return token;
    }
    token.size = (size_t)(space - rest->data);
    *rest = slice_skip(*rest, token.size + 1);
    return token;
}

static bool take_number(struct slice *rest, uint64_t max, uint64_t *ret_number) {
    return number_parse_u64(next_token(rest), ret_number) && *ret_number <= max;
}

static bool take_size(struct slice *rest, size_t *ret_size) {
    uint64_t size;

    /* Room is left for the line and both CRLF, so that sums of sizes never wrap. */
    if (!take_number(rest, SIZE_MAX / 2, &size)) {
        return false;
    }
    *ret_size = (size_t)size;
    return true;
}

static bool parse_value(struct slice rest, struct mc_response *r) {
    uint64_t client_flags;

    r->key = next_token(&rest);
    if (r->key.size == 0 || !take_number(&rest, UINT32_MAX, &client_flags) || !take_size(&rest, &r->value_size)) {
        return false;
    }
    r->client_flags = (uint32_t)client_flags;
    r->has_cas = rest.size > 0;
    return !r->has_cas || (take_number(&rest, UINT64_MAX, &r->cas) && rest.size == 0);
}

static bool parse_form(enum form form, struct slice rest, struct mc_response *r) {
    switch (form) {
    case FORM_BARE:
        return rest.size == 0;
    case FORM_TEXT:
        r->text = rest;
        return true;
    case FORM_PAIR:
        r->key = next_token(&rest);
        r->text = rest;
        return r->key.size > 0;
    case FORM_VALUE:
        return parse_value(rest, r);
    case FORM_META:
        r->flags = rest;
        return true;
    case FORM_SIZED:
        if (!take_size(&rest, &r->value_size)) {
            return false;
        }
        r->flags = rest;
        return true;
    }
    return false;
}

static bool has_value(enum mc_response_kind kind) {
    return kind == MC_RESPONSE_VALUE || kind == MC_RESPONSE_VA;
}

enum larder_error mc_response_decode_line(struct slice line, struct mc_response *ret_response) {
    struct slice rest = line;
    struct slice first = next_token(&rest);

    *ret_response = (struct mc_response){.kind = MC_RESPONSE_NUMBER};
    for (int i = 0; i < WORD_COUNT; i++) {
        if (slice_equal(words[i].text, first)) {
            ret_response->kind = (enum mc_response_kind)i;
            return parse_form(words[i].form, rest, ret_response) ? LARDER_OK : LARDER_ERROR_PROTOCOL;
        }
    }
    return number_parse_u64(line, &ret_response->number) ? LARDER_OK : LARDER_ERROR_PROTOCOL;
}

/* The line's bytes with its CRLF; 0 when it is incomplete. */
static enum larder_error find_line(struct slice input, size_t *ret_size) {
    size_t searched = input.size < MC_RESPONSE_LINE_MAX ? input.size : MC_RESPONSE_LINE_MAX;
    const char *newline = searched == 0 ? NULL : memchr(input.data, '\n', searched);

    *ret_size = 0;
    if (newline == NULL) {
        return searched == MC_RESPONSE_LINE_MAX ? LARDER_ERROR_PROTOCOL : LARDER_OK;
    }
    if (newline == input.data || newline[-1] != '\r') {
        return LARDER_ERROR_PROTOCOL;
    }
    *ret_size = (size_t)(newline - input.data) + 1;
    return LARDER_OK;
}

enum larder_error mc_response_decode(struct slice input, size_t max_value, struct mc_response *ret_response,
                                     size_t *ret_size) {
    struct mc_response response;
    size_t line;
    enum larder_error error = find_line(input, &line);

    if (error == LARDER_OK && line == 0) {
        *ret_size = input.size + 1;
        return LARDER_OK;
    }
    if (error == LARDER_OK) {
        error = mc_response_decode_line(slice_make(input.data, line - 2), &response);
    }
    if (error != LARDER_OK) {
        return error;
    }
    *ret_size = line + (has_value(response.kind) ? response.value_size + 2 : 0);
    if (response.value_size > max_value) {
        *ret_response = response;
        return LARDER_ERROR_LIMIT;
    }
    if (*ret_size > input.size) {
        return LARDER_OK;
    }
    if (has_value(response.kind)) {
        response.value = slice_make(input.data + line, response.value_size);
        if (memcmp(response.value.data + response.value.size, "\r\n", 2) != 0) {
            return LARDER_ERROR_PROTOCOL;
        }
    }
    *ret_response = response;
    return LARDER_OK;
}

bool mc_response_flag(const struct mc_response *response, char flag, struct slice *ret_token) {
    struct slice rest = response->flags;

    while (rest.size > 0) {
        struct slice token = next_token(&rest);

        if (token.size > 0 && token.data[0] == flag) {
            *ret_token = slice_skip(token, 1);
            return true;
        }
    }
    return false;
}

bool mc_response_is_error(const struct mc_response *response) {
    return response->kind == MC_RESPONSE_ERROR || response->kind == MC_RESPONSE_CLIENT_ERROR ||
           response->kind == MC_RESPONSE_SERVER_ERROR;
}
