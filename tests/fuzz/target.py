"""Coverage-guided fuzzing with atheris: `python -m tests.fuzz.target FOLDER [libFuzzer options]`.

FOLDER keeps the corpus from one time to the next. Whatever is not one of the documented errors
ends the run and leaves its input beside it; such inputs, made small, go to `tests/fuzz/found`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

MEMORY = 2048  # MB


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lcodec-fuzz-") as scratch:
        with atheris.instrument_imports(include=["lcodec"]):
            from tests.fuzz.mutate import mutated
            from tests.fuzz.readers import Readers, seeds, tiny_codec
        from tests.tinymodel import write_tiny_model

        os.environ["LCODEC_MODELS"] = str(write_tiny_model(Path(scratch)))
        readers = Readers(tiny_codec())
        for name, data in seeds(readers.codec).items():
            (folder / name).write_bytes(data)

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
            [sys.argv[0], *options, *sys.argv[2:], str(folder)], readers, custom_mutator=mutate
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
