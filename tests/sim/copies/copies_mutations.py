# SPDX-License-Identifier: Apache-2.0
"""Ways to break the ledger and the shelf, each against a rule of ring/hot_copies.h (1 to 6). Where the simulation stays green with
one of them, the rule is a wish."""

from collections import namedtuple

Mutation = namedtuple("Mutation", "rule name file old new")

MUTATIONS = [
    # 1: what is granted is written down
    Mutation("1", "a copy is given to one who is not written down", "hot_ledger.c",
             "    holder->granted = ++ledger->number;\n", "    holder->granted = ++ledger->number;\n    entry->count--;\n"),
    Mutation("1", "of two holders only one is known", "hot_ledger.c",
             "        if (entry->holders[i].id == id) {\n            return &entry->holders[i];",
             "        if (entry->count > 0) {\n            entry->holders[i].id = id;\n            return &entry->holders[i];"),
    # 2: leases
    Mutation("2", "no margin for clocks of other rates", "hot_ledger.c",
             "return lease_ns + lease_ns / (KEEPER_MARGIN - 1) + 1;", "return lease_ns;"),
    Mutation("2", "a new grant does not make the lease longer", "hot_ledger.c",
             "    if (holder->until_ns < now_ns + with_margin(lease_ns)) {", "    if (holder->until_ns < now_ns) {"),
    Mutation("2", "the holder's lease counts from when the answer came", "hot_shelf.c",
             "    put_last(shelf, made);\n", "    made->until_ns = now_ns + copy->lease_ns;\n    put_last(shelf, made);\n"),
    Mutation("2", "a copy has no end", "hot_shelf.c", "copy->serial != newest || copy->until_ns <= now_ns", "copy->serial != newest"),
    Mutation("2", "the owner forgets the end of the entry's life", "hot_ledger.c",
             "least(left_until(read->expires_ns, now_ns), left_until(read->authority_ns, now_ns))",
             "left_until(read->authority_ns, now_ns)"),
    Mutation("2", "the owner grants for longer than he has authority", "hot_ledger.c",
             "least(left_until(read->expires_ns, now_ns), left_until(read->authority_ns, now_ns))",
             "left_until(read->expires_ns, now_ns)"),
    Mutation("2", "the holder's slow clock outlives the entry", "hot_ledger.c",
             "return left_ns - left_ns / KEEPER_MARGIN;", "return left_ns;"),
    # 3: changes wait
    Mutation("3", "a change waits for nobody", "hot_ledger.c",
             "    writer->until_ns = last_until(entry);\n    return HOT_WAIT;", "    writer->until_ns = last_until(entry);\n    return HOT_GO;"),
    Mutation("3", "one answer is enough", "hot_ledger.c",
             "    if (entry->count > 0) {\n        return NULL;\n    }\n", "    entry->count = 0;\n"),
    Mutation("3", "grants are given while a revocation is under way", "hot_ledger.c",
             "(entry == NULL || entry->writers == NULL);", "(entry == NULL || entry->count > 0);"),
    Mutation("3", "only the first lease's end is waited for", "hot_ledger.c",
             "        if (entry->holders[i].until_ns > now_ns) {\n            entry->holders[left++]",
             "        if (entry->holders[0].until_ns > now_ns) {\n            entry->holders[left++]"),
    Mutation("3", "revocations are not sent", "hot_ledger.c",
             "    return entry->count;\n}\n\nstatic void join", "    return 0;\n}\n\nstatic void join"),
    Mutation("3", "nobody is woken", "hot_ledger.c", "    return entry->writers;\n}", "    return NULL;\n}"),
    Mutation("3", "only the first who waits is woken", "hot_ledger.c", "        w->ready = w->next;\n", "        w->ready = NULL;\n"),
    # 4: what a revocation overtakes
    Mutation("4", "a grant that was overtaken is put in", "hot_shelf.c",
             "copy->sent_ns > *revoked_of(shelf, copy->hash) &&", "(copy->sent_ns > *revoked_of(shelf, copy->hash) || true) &&"),
    Mutation("4", "a revocation leaves the copy", "hot_shelf.c",
             "        shelf->counts.revoked++;\n        take_out(shelf, copy);\n", "        shelf->counts.revoked++;\n"),
    Mutation("4", "an answer counts for any revocation", "hot_ledger.c", " && entry->holders[i].granted < number) {", " && number > 0) {"),
    Mutation("4", "an answer counts for another holder", "hot_ledger.c",
             "if (entry->holders[i].id == id && ", "if (id != 0 && "),
    # 5: views
    Mutation("5", "a copy is served by another view", "hot_shelf.c", "copy->serial != newest || copy->until_ns <= now_ns", "copy->until_ns <= now_ns"),
    Mutation("5", "a copy is put in by another view", "hot_shelf.c", "    return copy->serial == newest && copy->sent_ns",
             "    ((struct hot_copy *)copy)->serial = newest;\n    return copy->sent_ns"),
    Mutation("5", "a holder without authority serves", "hot_shelf.c",
             "    if (authority_ns <= now_ns) {\n        return NULL;\n    }\n", "    (void)authority_ns;\n"),
    Mutation("5", "what was purged is granted", "hot_ledger.c", "read->purges >= read->asker_purges && ", ""),
    # 6: ceilings
    Mutation("6", "holders over the ceiling get copies", "hot_ledger.c",
             "    if (holder == NULL) {\n        ledger->counts.limited++;", "    if (holder == NULL && entry != NULL) {\n        return lease_ns;\n    }\n    if (holder == NULL) {\n        ledger->counts.limited++;"),
    Mutation("6", "keys over the ceiling get copies", "hot_ledger.c",
             "    if (holder == NULL) {\n        ledger->counts.limited++;", "    if (entry == NULL) {\n        return lease_ns;\n    }\n    if (holder == NULL) {\n        ledger->counts.limited++;"),
    Mutation("6", "a holder is forgotten to make room", "hot_ledger.c",
             "        if (is_empty(entry)) {\n            release(ledger, entry);\n        } else {",
             "        if (entry->writers == NULL) {\n            release(ledger, entry);\n        } else {"),
]
