"""Repair the state of a process that was forked from one that uses this package.

`os.fork`, and with it multiprocessing's "fork", servers that load before they fork, and workers of
torch's DataLoader, copy only the thread that forks: threads of torch that it waits for are gone,
and locks that other threads held stay locked. A module that has such state registers here how to
renew it.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def in_forked_child(action: Callable[[], object]) -> None:
    """Run ``action`` in every process that is forked from now on."""
    register = getattr(os, "register_at_fork", None)
    if register is not None:  # there is no forking on Windows
        register(after_in_child=action)
