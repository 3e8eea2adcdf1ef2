# SPDX-License-Identifier: Apache-2.0
"""Random command streams for the differential test: the same seed gives the same stream."""
import base64
import random

KEYS = [b"k%d" % number for number in range(12)] + [b"k" * 250, b"\x01ctl\x7f", b"\xc3\xa9", b"noreply"]
BINARY_KEYS = [base64.b64encode(raw) for raw in (b"k1", b"k2", b"\0", b"a b", b"\r\n", b"long" * 40)]
BAD_KEYS = [b"k" * 251, b"x" * 300]
VALUES = [b"", b"0", b"1", b"9", b"10", b"99", b"100", b"18446744073709551615", b"18446744073709551616", b"-1", b" 5",
    b"5 x", b"abc",
          b"\r\n.", b"END\r\n", b"\0\0", bytes(range(256)), b"x" * 1000, b"y" * 20000]
TIMES = [b"0", b"0", b"0", b"0", b"1000000", b"2000000", b"-1", b"2592001"]
BAD_NUMBERS = [b"x", b"-", b"1x", b"99999999999999999999", b"0x1", b"1.5"]
DELTAS = [b"0", b"1", b"9", b"10", b"91", b"18446744073709551615"]


class Command:
    """One command: `parts` is bytes, or a pair (key, offset) that stands for the cas last seen there, plus the offset.

    `difference` names the row of the table of known differences that its reply is compared by.
    """

    def __init__(self, *parts, key=None, difference=None):
        self.parts = parts
        self.key = key
        self.difference = difference

    def render(self, last_cas, is_above_one):
        """The bytes. A cas is only lowered where every side says that it is above one: zero has a meaning of its own."""
        rendered = b""
        for part in self.parts:
            if isinstance(part, tuple):
                key, offset = part
                known = last_cas(key)
                lowered = offset < 0 and not is_above_one(key)
                part = b"%d" % (known + offset if known and not lowered else 1 << 50)
            rendered += part
        return rendered


class Stream:
    """An endless stream of commands."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def __iter__(self):
        kinds = [(self.read, 20), (self.store, 20), (self.cas, 6), (self.count, 10), (self.touch, 6), (self.delete,
            6), (self.meta_get, 20),
                 (self.meta_set, 16), (self.meta_delete, 8), (self.meta_count, 10), (self.me, 2), (self.other, 3),
                 (self.nonsense, 5),
                 (self.refused, 4)]
        makers, weights = [kind for kind, _ in kinds], [weight for _, weight in kinds]
        while True:
            yield self.random.choices(makers, weights)[0]()

    def _key(self):
        return self.random.choice(KEYS)

    def _noreply(self):
        return b" noreply" if self.random.random() < 0.15 else b""

    def _cas(self, key):
        return key, self.random.choice([0, 0, 0, -1, 1 << 40])

    def read(self):
        word = self.random.choice([b"get", b"get", b"gets", b"gat", b"gats"])
        keys = [self._key() for _ in range(self.random.choice([1, 1, 1, 2, 5, 40]))]
        # A gat with a bad key fails as a whole here; 1.6.18 has by then touched the keys before it.
        if self.random.random() < 0.03 and word in (b"get", b"gets"):
            keys.insert(self.random.randrange(len(keys) + 1), self.random.choice(BAD_KEYS))
        words = [word] + ([self.random.choice(TIMES)] if word.startswith(b"gat") else []) + keys
        return Command((b" " * self.random.choice([1, 1, 1, 2])).join(words) + b"\r\n")

    def store(self):
        word = self.random.choice([b"set", b"set", b"set", b"add", b"replace", b"append", b"prepend"])
        value = self.random.choice(VALUES)
        flags = self.random.choice([b"0", b"0", b"5", b"4294967295"])
        line = b"%s %s %s %s %d%s\r\n" % (word, self._key(), flags, self.random.choice(TIMES), len(value),
            self._noreply())
        if self.random.random() < 0.03:
            return Command(line + value + self.random.choice([b"\n\r", b"xx", b"x\r"]))
        return Command(line + value + b"\r\n")

    def cas(self):
        key, value = self._key(), self.random.choice(VALUES)
        return Command(b"cas %s 7 0 %d " % (key, len(value)), self._cas(key),
            self._noreply() + b"\r\n" + value + b"\r\n")

    def count(self):
        word = self.random.choice([b"incr", b"incr", b"decr"])
        delta = self.random.choice(DELTAS if self.random.random() < 0.9 else BAD_NUMBERS)
        return Command(b"%s %s %s%s\r\n" % (word, self._key(), delta, self._noreply()))

    def touch(self):
        return Command(b"touch %s %s%s\r\n" % (self._key(), self.random.choice(TIMES + BAD_NUMBERS[:1]),
            self._noreply()))

    def delete(self):
        extra = self.random.choice([b"", b"", b"", b" 0", b" 1", b" x", b" 0 noreply", b" noreply"])
        return Command(b"delete %s%s\r\n" % (self._key(), extra))

    def _meta_key(self):
        """A key and the flags it needs."""
        if self.random.random() < 0.15:
            return self.random.choice(BINARY_KEYS), [b"b"]
        return self._key(), []

    def _flags(self, choices, most):
        """Up to `most` different flags in any order; now and then one twice or one that does not exist."""
        flags = self.random.sample(choices, self.random.randrange(min(most, len(choices)) + 1))
        if self.random.random() < 0.03:
            flags.append(self.random.choice(flags + [b"Q", b"Z5", b"~"]))
        return flags

    def _assemble(self, line, key, flags, cas_key, block=b""):
        """Puts flags in random order; the flag C becomes C<cas of the key>."""
        self.random.shuffle(flags)
        parts = [line]
        for flag in flags:
            parts.append(b" " + flag)
            if flag == b"C":
                parts.append(self._cas(cas_key))
        return Command(*parts, b"\r\n" + block, key=key)

    def meta_get(self):
        key, flags = self._meta_key()
        choices = [b"s", b"v", b"f", b"c", b"k", b"h", b"t", b"l", b"u", b"q", b"O12", b"v", b"T0", b"T1000000",
            b"R30", b"R3000000", b"Tx"]
        if not flags:
            # Of a binary key that it vivified 1.6.18 forgets that it is one, and shows it raw, line ends and all.
            choices.append(b"N0")
        flags += self._flags(self._unique(choices), 7)
        if b"N0" in flags and b"T1000000" in flags:
            # Between a T and an N that makes the item, 1.6.18 tells T's life; here the one it ends up with.
            flags = [flag for flag in flags if flag != b"t"]
        return self._assemble(b"mg " + key, key, flags, key)

    def _unique(self, choices):
        """At most one of the flags with the same letter."""
        by_letter = {}
        for flag in choices:
            by_letter.setdefault(flag[:1], []).append(flag)
        return [self.random.choice(flags) for flags in by_letter.values()]

    def meta_set(self):
        key, flags = self._meta_key()
        value = self.random.choice(VALUES)
        choices = [b"c", b"k", b"q", b"O9", b"F3", b"F0", b"T0", b"T1000000", b"T-1", b"ME", b"MA", b"MP", b"MR",
            b"MS", b"MX", b"I", b"C", b"Fx"]
        block = value + (b"\r\n" if self.random.random() < 0.97 else b"zz")
        return self._assemble(b"ms %s %d" % (key, len(value)), key, flags + self._flags(self._unique(choices), 5),
            key, block)

    def meta_delete(self):
        key, flags = self._meta_key()
        choices = [b"k", b"q", b"Oabc", b"I", b"I", b"T0", b"T1000000", b"C"]
        return self._assemble(b"md " + key, key, flags + self._flags(self._unique(choices), 4), key)

    def meta_count(self):
        key, flags = self._meta_key()
        choices = [b"t", b"c", b"v", b"k", b"O1", b"q", b"N0", b"J7", b"J18446744073709551615", b"D5", b"D99", b"MI",
            b"MD", b"M+", b"M-", b"Mx", b"T0", b"C"]
        flags += self._flags(self._unique(choices), 6)
        if b"q" in flags and b"N0" in flags:
            # Only one of the two servers answers that, so only one would tell the cas.
            flags = [flag for flag in flags if flag != b"c"]
        command = self._assemble(b"ma " + key, key, flags, key)
        words = b"".join(part for part in command.parts if isinstance(part, bytes)).split()
        if b"q" in words and b"N0" in words:
            command.difference = "quiet vivifying"
        return command

    def me(self):
        return Command(b"me %s\r\n" % self._key())

    def other(self):
        return Command(self.random.choice([
            b"flush_all\r\n", b"flush_all 0\r\n", b"flush_all noreply\r\n", b"flush_all -1\r\n", b"flush_all x\r\n",
            b"verbosity 0\r\n",
            b"verbosity\r\n", b"verbosity x\r\n", b"version\r\n", b"stats nothing\r\n"]))

    def nonsense(self):
        bytes_of_a_line = [byte for byte in range(1, 256) if byte not in b"\n"]
        return Command(self.random.choice([
            b"\r\n", b" \r\n", b"get\r\n", b"set\r\n", b"set a\r\n", b"incr a\r\n", b"touch a\r\n", b"delete\r\n",
            b"mg\r\n", b"ms\r\n",
            b"ms a\r\n", b"ms a x\r\n", b"set a 0 0 x\r\n", b"set a 0 0 -1\r\n", b"set a 0 0 -1 noreply\r\n",
            b"delete a 0 0 0\r\n", b"gat\r\n",
            b"gat x\r\n", b"gat x y\r\n", b"incr %s 1\r\n" % BAD_KEYS[0], b"mg %s\r\n" % BAD_KEYS[0],
            b"md %s q\r\n" % BAD_KEYS[0],
            b"mg a O%s\r\n" % (b"x" * 32), b"mg a! b\r\n", b"mg %s\r\n" % (b"k " * 40), b"flush_all 0 0 0\r\n",
            b"GET k1\r\n",
            b"?" + bytes(self.random.choices(bytes_of_a_line, k=self.random.randrange(60))) + b"\r\n"]))

    def refused(self):
        """The length of the block is known, but the line is refused."""
        value = self.random.choice(VALUES[:16])
        words = self.random.choice([b"%s 0 0" % BAD_KEYS[0], b"k1 x 0", b"k1 0 x", b"k1 -1 0"])
        return Command(b"set %s %d\r\n" % (words, len(value)), value + b"\r\n", difference="refused block")
