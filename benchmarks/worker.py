"""A process that codes one picture again and again, and reports how long each stage took.

May be started by `benchmarks.processes` with the `lcodec` of another commit, so it uses only what
every version of the library has. Reads lines of JSON, answers with lines of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any


def main() -> None:
    """Options as JSON in the first argument: picture, model, quality, threads, cpu."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    with suppress(ImportError):  # earlier versions have none
        from lcodec.process.startup import own_process

        own_process()
    import numpy as np

    from lcodec.library.codec import Codec
    from lcodec.process import timing

    import torch  # isort: skip  # after the codec, as in the program

    if options["threads"]:
        torch.set_num_threads(options["threads"])
    clock = time.process_time if options["cpu"] else time.perf_counter
    if options["cpu"]:  # of this process alone, whatever else the machine is doing
        vars(timing)["time"] = SimpleNamespace(perf_counter=time.process_time)
    pixels = np.load(options["picture"])
    codec = Codec(model=options["model"])
    data = codec.encode_detailed(pixels, options["quality"]).data
    codec.decode(data)  # gets one-time work done
    answer: dict[str, Any] = {"torch": torch.__version__, "bytes": len(data)}
    answer["instructions"] = torch.backends.cpu.get_cpu_capability()
    print(json.dumps(answer), flush=True)
    for line in sys.stdin:
        start = clock()
        stages: dict[str, float] = {}
        if line.strip() != "decode":
            stages |= codec.encode_detailed(pixels, options["quality"]).timings
        if line.strip() != "encode":
            stages |= codec.decode(data).timings
        print(json.dumps({"total": clock() - start, **stages}), flush=True)


if __name__ == "__main__":
    main()
