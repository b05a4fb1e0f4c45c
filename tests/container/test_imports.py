"""The container works where neither torch nor numpy nor Pillow is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec import errors

from .samples import example

ROOT = Path(__file__).parents[2]

SCRIPT = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "numpy", "PIL", "constriction", "scipy"}:
            raise ImportError("not available: " + name)
        return None

sys.meta_path.insert(0, Refuse())
import lcodec.errors
from lcodec.container import describe, read, write
data = bytes.fromhex(sys.argv[1])
contents = read(data)
assert write(contents.header, contents.tiles, contents.extra) == data
print(describe(data)["total_bytes"])
"""


def test_needs_only_the_standard_library() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, example().hex()],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout.strip()) == (0, "65"), result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.LcodecError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.FormatError, 4),
        (errors.UnsupportedError, 5),
        (errors.WeightsError, 6),
        (errors.MismatchError, 7),
        (errors.OutputError, 8),
        (errors.TargetError, 10),
    ],
)
def test_exit_codes(error: type[errors.LcodecError], code: int) -> None:
    assert issubclass(error, errors.LcodecError)
    assert error.exit_code == code
    assert code in list(errors.Exit)


def test_typed_marker() -> None:
    assert (ROOT / "lcodec" / "py.typed").is_file()
