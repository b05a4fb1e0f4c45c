"""Standard streams that the caller has closed (``>&-``)."""

from __future__ import annotations

import os
import sys

# Each opened the wrong way round, so that using it is an error of the system like any other; only
# standard error takes everything in silence, because there is nowhere to complain.
_CLOSED = ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))


def occupy_closed_streams() -> None:
    """Give closed standard streams a descriptor again.

    Otherwise the next file that is opened gets theirs, and what is meant for people, here or in a
    process that is started, is written into it.
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
    # None is what Python makes of a closed stream, and print() then writes to another one.
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
