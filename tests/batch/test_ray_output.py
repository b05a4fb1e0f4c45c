"""What Ray prints on standard output does not get there."""

from __future__ import annotations

import io
import sys
import threading
from typing import cast

import pytest

from lcodec.batch.raypool import Actors, _WithoutRay


class Shutdown:
    """A Ray that prints in the main thread, at its end, what it has kept back."""

    def shutdown(self) -> None:
        print("(raylet) the same death [repeated 2x]")


def test_only_lines_of_the_program_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    output = _WithoutRay(stream)
    monkeypatch.setattr(sys, "stdout", output)
    output.write("a result\n")
    thread = threading.Thread(target=output.write, args=("(raylet) a death\n",), name="ray_logs")
    thread.start()
    thread.join()
    pool = Actors.__new__(Actors)
    pool._ray, pool._connected, pool._stdout = Shutdown(), True, stream
    pool._disconnect()
    assert stream.getvalue() == "a result\n"
    assert cast(object, sys.stdout) is stream
