"""What Ray prints on standard output does not get there."""

from __future__ import annotations

import io
import threading

from lcodec.batch.raypool import _WithoutRay


def test_only_lines_of_the_program_pass() -> None:
    stream = io.StringIO()
    output = _WithoutRay(stream)
    output.write("a result\n")
    thread = threading.Thread(target=output.write, args=("(raylet) a death\n",), name="ray_logs")
    thread.start()
    thread.join()
    output.ended = True  # then Ray's shutdown prints what it has kept back, in the main thread
    output.write("(raylet) the same death [repeated 2x]\n")
    assert stream.getvalue() == "a result\n"
