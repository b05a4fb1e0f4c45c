"""Repair the state of a process that was forked from one that uses this package.

`os.fork`, and with it multiprocessing's "fork", servers that load before they fork, and workers of
torch's DataLoader, copy only the thread that forks: threads of torch that it waits for are gone,
and locks that other threads held stay locked. A module that has such state registers here how to
renew it; for a lock, `Lock` does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from weakref import WeakSet


def in_forked_child(action: Callable[[], object]) -> None:
    """Run ``action`` in every process that is forked from now on."""
    register = getattr(os, "register_at_fork", None)
    if register is not None:  # there is no forking on Windows
        register(after_in_child=action)


class Lock:
    """A lock, as a context manager, that is free in a forked process whoever held it before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[threading.Lock] = []  # several only after a fork
        _locks.add(self)

    def __enter__(self) -> None:
        lock = self._lock
        lock.acquire()
        self._held.append(lock)

    def __exit__(self, *_: object) -> None:
        self._held.pop().release()

    def renew(self) -> None:
        """Begin anew; blocks that have begun still end."""
        self._lock = threading.Lock()


_locks: WeakSet[Lock] = WeakSet()


def _renew_locks() -> None:
    for lock in _locks:
        lock.renew()


in_forked_child(_renew_locks)
