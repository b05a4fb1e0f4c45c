"""Coverage-guided fuzzing with atheris: `python -m tests.fuzz.target FOLDER [libFuzzer options]`.

FOLDER keeps the corpus from one time to the next. Whatever is not one of the documented errors
ends the run and leaves its input beside it: a test of what it broke begins with that.
"""

from __future__ import annotations

import dis
import operator
import os
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import atheris
import numpy as np
import torch

MEMORY = 2048  # MB

_ARRAYS = frozenset((np.ndarray, torch.Tensor, torch.nn.Parameter))
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}


def spare_arrays() -> None:
    """Let atheris see no comparison of arrays or tensors.

    Version 3.0 never lets go of what a traced comparison gives. True and False are there anyway,
    but of tensors that is memory, 7 KB for each execution, and an hour would end at the limit.
    lcodec itself keeps nothing (`test_files_leave_nothing_behind`).
    """
    traced, shift = atheris._trace_cmp, atheris.version_dependent.CMP_OP_SHIFT_AMOUNT
    if getattr(traced, "__module__", None) == __name__:
        return

    def trace(left: Any, right: Any, operation: int, counter: int, constant: bool) -> Any:
        if type(left) in _ARRAYS or type(right) in _ARRAYS:
            return _COMPARISONS[dis.cmp_op[operation >> shift]](left, right)
        return traced(left, right, operation, counter, constant)

    atheris._trace_cmp = trace


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    spare_arrays()
    with tempfile.TemporaryDirectory(prefix="lcodec-fuzz-") as scratch:
        with atheris.instrument_imports(include=["lcodec"]):
            from tests.fuzz.mutate import mutated
            from tests.fuzz.readers import Readers, seeds, tiny_codec
        from tests.tinymodel import write_tiny_model

        os.environ["LCODEC_MODELS"] = str(write_tiny_model(Path(scratch)))
        readers = Readers(tiny_codec())
        for name, data in seeds(readers.codec).items():
            (folder / name).write_bytes(data)

        def read(data: bytes) -> None:
            spare_arrays()  # atheris puts another tracer in its place as it begins
            readers(data)

        def mutate(data: bytes, longest: int, seed: int) -> bytes:
            random = Random(seed)
            if random.random() < 0.2:
                return bytes(atheris.Mutate(data, longest))
            return mutated(data, random, longest)

        options = [
            f"-rss_limit_mb={MEMORY}",
            "-timeout=20",
            "-max_len=65536",
            "-print_final_stats=1",
        ]
        atheris.Setup(
            [sys.argv[0], *options, *sys.argv[2:], str(folder)], read, custom_mutator=mutate
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
