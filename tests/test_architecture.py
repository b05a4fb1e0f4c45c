"""What the layout promises: small modules, and no trainer where pictures are coded."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT

LONGEST = 350
"""Lines of a module."""

LOADED = """
import json, sys
{code}
print(json.dumps(sorted(m for m in sys.modules if m.split(".")[:2] == ["lcodec", {package!r}])))
"""


def test_no_module_is_long() -> None:
    modules = [
        path
        for folder in ("lcodec", "tests", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lines = {path.relative_to(ROOT).as_posix(): path.read_bytes().count(b"\n") for path in modules}
    assert len(lines) > 500
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}


UNRELATED = {
    "BLOCK",  # of a download, and of a file that is read
    "FEWEST",  # rows of a part, and pixels of a layer
    "SCHEMA",  # of results of two kinds
    b"%s\n%d %d\n%d\n",
}
"""What has the same name and value, or the same bytes, in two modules by chance or for brevity."""


def test_every_constant_has_one_home() -> None:
    found: defaultdict[tuple[Any, str], set[str]] = defaultdict(set)
    for path in (ROOT / "lcodec").rglob("*.py"):
        tree = ast.parse(path.read_bytes())
        for name, value in assigned(tree):
            found[name.lstrip("_"), ast.unparse(value)].add(path.name)
        # `lcodec.kinds` knows the signatures of files, and imports none of their readers.
        for text in literals(tree) if path.name != "kinds.py" else []:
            found[text, ""].add(path.name)
    assert len(found) > 500
    several = {key: homes for key, homes in found.items() if len(homes) > 1}
    assert {key: homes for key, homes in several.items() if key[0] not in UNRELATED} == {}


def test_what_is_private_to_a_module_is_not_imported_from_it() -> None:
    imported = [
        f"{path.name}: {name.name}"
        for folder in ("lcodec", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name.startswith("_") and not name.name.endswith("__")
    ]
    assert imported == []


def literals(tree: ast.Module) -> list[Any]:
    """Bytes of some length, and text that formats prescribe."""
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    prescribed = (".lic", "image/x-lic", "XML:com.adobe.xmp")
    return [v for v in values if (isinstance(v, bytes) and len(v) > 4) or v in prescribed]


def assigned(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """Constants of a module: names in capitals, and what they are; types are none."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and target.id.isupper() and not isinstance(value, ast.Call):
            found.append((target.id, value))
    return found


@pytest.mark.parametrize(
    ("constant", "home"),
    [
        (r"\bSIGNATURE\b|\\x89LIC", "container"),
        (r"\\x89PNG|II\+\\0|\\xff\\x4f\\xff\\x51|NUMPY", "kinds.py"),
    ],
)
def test_signatures_of_files_have_one_home(constant: str, home: str) -> None:
    package = ROOT / "lcodec"
    found = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(constant, path.read_text(encoding="utf-8"))
    }
    assert found == {home}


def test_the_levels_of_effort_load_no_networks() -> None:
    script = "import sys, lcodec.effort; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.strip() == "set()"


def imported_of(package: str, code: str, folder: Path) -> list[str]:
    """Modules of `lcodec.package` that are loaded once ``code`` has run."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(package=package, code=code)],
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
    assert imported_of("training", "import lcodec.library.codec", tmp_path) == []
    decode = "from lcodec.cli.main import run\nassert run(['decode', 'a.lic', 'a.ppm']) == 0"
    assert imported_of("training", decode, tmp_path) == []
    encoding = "from lcodec.cli.main import run\nassert run(['encode', 'a.ppm', 'b.lic']) == 0"
    assert imported_of("training", encoding, tmp_path) == []
    assert "lcodec.training" in imported_of("training", "import lcodec.cli.trainrun", tmp_path)


@pytest.mark.parametrize("code", ["import lcodec; lcodec.compare", "import lcodec.view.preview"])
def test_the_library_imports_nothing_of_the_benchmarks(code: str, tmp_path: Path) -> None:
    assert imported_of("bench", code, tmp_path) == []
    assert "lcodec.bench" in imported_of("bench", "import lcodec.bench", tmp_path)
