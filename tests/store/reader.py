# SPDX-License-Identifier: Apache-2.0
"""Reads what a program says as it comes, so that it never has to wait for us while we write to it."""
import queue
import threading


class Ended(Exception):
    """Nothing more will come."""


class Reader:
    """Calls receive() on a thread of its own until it returns None or fails. Items wait here until they are taken."""

    def __init__(self, receive):
        self._items = queue.SimpleQueue()
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(receive,), daemon=True)
        self._thread.start()

    def _run(self, receive):
        try:
            while (item := receive()) is not None:
                self._items.put(item)
        except (OSError, ValueError):  # the other side, or ours, was closed
            pass
        self._items.put(None)

    def take(self, deadline):
        """The next item. Ended, or TimeoutError after `deadline` s."""
        if self._ended:
            raise Ended
        try:
            item = self._items.get(timeout=deadline)
        except queue.Empty:
            raise TimeoutError(f"nothing came within {deadline} s") from None
        if item is None:
            self._ended = True
            raise Ended
        return item

    def take_all(self, deadline):
        """What comes until the end."""
        items = []
        try:
            while True:
                items.append(self.take(deadline))
        except Ended:
            return items

    def join(self):
        self._thread.join()
