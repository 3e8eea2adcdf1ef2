/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/peer_words.h"

/* The letters of stores and arithmetic are those of memcached's modes. */
const struct peer_command peer_commands[] = {
    {COMMAND_GET, 'G', 'g'},        {COMMAND_SET, 'S', 's'},   {COMMAND_GAT, 'U', 'g'},     {COMMAND_TOUCH, 'T', 'g'},
    {COMMAND_DELETE, 'X', 'd'},     {COMMAND_ADD, 'E', 's'},   {COMMAND_REPLACE, 'R', 's'}, {COMMAND_APPEND, 'A', 's'},
    {COMMAND_PREPEND, 'P', 's'},    {COMMAND_CAS, 'C', 's'},   {COMMAND_INCR, 'I', 'a'},    {COMMAND_DECR, 'D', 'a'},
    {COMMAND_INVALIDATE, 'N', 'd'}, {COMMAND_DEBUG, 'M', 'e'},
};
const unsigned peer_command_count = sizeof(peer_commands) / sizeof(peer_commands[0]);

const struct peer_option peer_options[] = {
    {REQUEST_COMPARE, 'c'},
    {REQUEST_SET_CAS, 'e'},
    {REQUEST_VIVIFY, 'n'},
    {REQUEST_RECACHE, 'r'},
    {REQUEST_TOUCH, 't'},
    {REQUEST_INVALIDATE, 'i'},
    {REQUEST_NO_BUMP, 'u'},
    {REQUEST_DROP_VALUE, 'x'},
    {REQUEST_MAY_WIN, 'w'},
    {REQUEST_RECACHE_AFTER_TOUCH, 'p'},
    {REQUEST_BINARY_KEY, 'b'},
    {REQUEST_VIVIFY_AFTER_TOUCH, 'q'},
    {REQUEST_EVICT_ON_REFUSAL, 'v'},
    {REQUEST_WANT_TTL, 'l'},
    {REQUEST_WANT_CREATED, 'd'},
    {REQUEST_PLAIN, 'o'},
    {REQUEST_OUT_OF_TURN, 'z'},
    {REQUEST_ASIDE, 'a'},
};
const unsigned peer_option_count = sizeof(peer_options) / sizeof(peer_options[0]);
