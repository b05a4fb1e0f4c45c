"""What the layout promises: small modules, and no trainer where pictures are coded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT

LONGEST = 350
"""Lines of a module."""

TRAINER = """
import json, sys
{code}
print(json.dumps(sorted(m for m in sys.modules if m.split(".")[:2] == ["lcodec", "training"])))
"""


def test_no_module_is_long() -> None:
    modules = [
        path
        for folder in ("lcodec", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lines = {path: path.read_bytes().count(b"\n") for path in modules}
    assert len(lines) > 100
    assert {str(path): count for path, count in lines.items() if count > LONGEST} == {}


def imported_of_the_trainer(code: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", TRAINER.format(code=code)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("tiny_model")
def test_coding_imports_nothing_of_the_trainer(tmp_path: Path) -> None:
    from lcodec import encode

    pixels = np.full((32, 48, 3), 90, np.uint8)
    (tmp_path / "a.lic").write_bytes(encode(pixels))
    assert imported_of_the_trainer("import lcodec.codec", tmp_path) == []
    decode = "from lcodec.cli.main import run\nassert run(['decode', 'a.lic', 'a.ppm']) == 0"
    assert imported_of_the_trainer(decode, tmp_path) == []
    encoding = "from lcodec.cli.main import run\nassert run(['encode', 'a.ppm', 'b.lic']) == 0"
    assert imported_of_the_trainer(encoding, tmp_path) == []
    assert "lcodec.training" in imported_of_the_trainer("import lcodec.cli.trainrun", tmp_path)
