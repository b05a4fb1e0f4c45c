"""The tool that puts figures into the documents."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from lcodec.bench import run
from tests.bench.bench_fakes import FakeCodec, write_pictures

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results_tool", ROOT / "tools" / "results.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_what_lies_between_the_marks_changes(tool: ModuleType) -> None:
    text = f"before {tool.BEGIN}\nold\n{tool.END} after"
    assert tool.replace_results(text, "new") == f"before {tool.BEGIN}\nnew\n{tool.END} after"
    with pytest.raises(SystemExit, match="not found"):
        tool.replace_results("no marks", "new")


def test_documents_have_the_marks(tool: ModuleType) -> None:
    for name in tool.FILES:
        text = (ROOT / name).read_text("utf-8")
        assert tool.replace_results(text, "") != text


def test_tables_hold_the_means(tool: ModuleType, tmp_path: Path) -> None:
    write_pictures(tmp_path, {"a.png": (64, 80)})
    result = run(FakeCodec(), tmp_path, (20, 60))
    mean = result.means()[0]
    assert f"| 20 | {mean.bpp:.4f} | {mean.psnr:.2f} |" in tool.tables(result)
    assert "--quality 20,60" in tool.tables(result)
