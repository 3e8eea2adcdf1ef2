/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/get.h"

static void make_target(struct get *get, struct slice key) {
    target_begin(&get->node.target, key);
    if (get->revision != 0) {
        target_add_number(&get->node.target, "rev", get->revision);
    } else {
        target_add(&get->node.target, "use_cache", SLICE("false"));
    }
}

static void take(struct get *get, const char *word, const struct transfer_answer *answer) {
    struct slice key = slice_from_string(word);
    const struct got got = {
        .value = answer->body, .over_http = true, .has_revision = answer->has_tag, .revision = answer->tag};
    char text[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];

    if (answer->status == 200) {
        get_print(get, key, &got, false);
    } else if (answer->status == 404) {
        get_print(get, key, NULL, false);
    } else {
        snprintf(what, sizeof(what), "get %s", slice_escape(key, text));
        get->code = ask_worse(get->code, get->revision != 0 ? node_explain_durable(&get->node, what, word, answer)
                                                            : node_explain_refusal(&get->node, what, answer));
    }
}

void get_over_http(struct get *get, char **words, size_t count) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;
    int code = node_open(&get->node);

    for (size_t i = 0; code == EXIT_CODE_OK && i < count; i++) {
        make_target(get, slice_from_string(words[i]));
        code = node_ask(&get->node, &request, &answer);
        if (code == EXIT_CODE_OK) {
            take(get, words[i], &answer);
        }
    }
    get->code = ask_worse(get->code, code);
}
