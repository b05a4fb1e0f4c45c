"""Standard streams closed by the caller (``>&-``)."""

from __future__ import annotations

import os
import sys

# Each is opened in the wrong direction, so that using it is an ordinary system error; only standard
# error silently accepts everything, because there is nowhere to report errors.
_CLOSED = ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))


def occupy_closed_streams() -> None:
    """Give closed standard streams a descriptor again.

    Otherwise the next file opened would get theirs, and messages, of this process or of a child,
    would be written into it.
    """
    for number, flags in _CLOSED:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    # Python sets a closed stream to None, and print() then writes to another one.
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
