"""Defer interrupts to the end of a step, so that a complete state is saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context that only notes the first SIGINT or SIGTERM; a second one acts at once.

    On leaving without an error, a noted signal is raised again for its own handler. A signal that
    is ignored stays so: `nohup` and the shells that start jobs in the background want that. Outside
    the main thread, the only one to handle signals, nothing changes.

    Attributes:
        noted: the signal, or None.
    """

    def __init__(self) -> None:
        self.noted: int | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) == signal.SIG_IGN:
                    continue
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.noted = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        if kind is None and self.noted is not None:
            signal.raise_signal(self.noted)
