"""The command ``lcodec``, also as ``python -m lcodec``.

Importing the program takes a moment, and so does leaving it; this module handles an interrupt
meanwhile.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130


def _leave(_signal: int = 0, _frame: FrameType | None = None) -> NoReturn:
    os.write(2, b"lcodec: interrupted\n")
    os._exit(_INTERRUPTED)


def main() -> NoReturn:
    """Run the program and exit with its status."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _leave)
    from lcodec.cli.main import main as program

    try:
        if heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        program()
    except KeyboardInterrupt:
        _leave()
    finally:
        if heeded:  # Python takes a moment to end, too
            signal.signal(signal.SIGINT, _leave)


if __name__ == "__main__":
    main()
