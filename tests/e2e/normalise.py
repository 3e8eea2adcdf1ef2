# SPDX-License-Identifier: Apache-2.0
"""Makes the replies of two runs or servers comparable: what depends on the clock or a counter gets one name."""
import re

# `gets` gives the cas as the fourth number of VALUE; meta gives c<n> among the flags of a status line.
_VALUE = re.compile(rb"^(VALUE (\S+) \d+ \d+) (\d+)\r$", re.MULTILINE)
_STATUS = re.compile(rb"^(?:HD|EN|NF|NS|EX|VA \d+)(?: [^\r\n]*)?\r$", re.MULTILINE)
_CAS = re.compile(rb"(?<= )c([1-9]\d*)(?=[ \r])")
_CLOCK = re.compile(rb"(?<= )([tl])(\d+)(?=[ \r])")
_ME = re.compile(rb"^(ME \S+) exp=\S+ la=\d+ cas=\d+ (fetch=\w+) cls=\d+ size=\d+\r$", re.MULTILINE)
_VERSION = re.compile(rb"^VERSION \S+\r$", re.MULTILINE)


class Normaliser:
    """One side of a comparison. Keeps, for each key, the cas numbers in the order they were seen."""

    def __init__(self):
        self._seen = {}

    def __call__(self, reply, key=None):
        """The reply with cas, clock and version taken out; `key` is the key of a meta command."""
        def text_cas(match):
            self._seen.setdefault(match.group(2), []).append(int(match.group(3)))
            return match.group(1) + b" #\r"

        def meta_cas(match):
            self._seen.setdefault(key, []).append(int(match.group(1)))
            return b"c#"

        def status(match):
            return _CLOCK.sub(rb"\1#", _CAS.sub(meta_cas, match.group(0)))

        reply = _VALUE.sub(text_cas, reply)
        reply = _STATUS.sub(status, reply)
        reply = _ME.sub(rb"\1 \2\r", reply)
        return _VERSION.sub(b"VERSION #\r", reply)

    def last_cas(self, key):
        return self._seen[key][-1] if key in self._seen else None

    def cas_order(self):
        """For each key: the ranks of its cas numbers. Two servers agree when these are equal."""
        order = {}
        for key, numbers in self._seen.items():
            rank = {number: position for position, number in enumerate(sorted(set(numbers)))}
            order[key] = [rank[number] for number in numbers]
        return order
