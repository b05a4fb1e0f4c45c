"""What a release needs: content of the wheel, licences, versions, documents that agree."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

import lcodec
from lcodec.container import DEFAULT_TILE_EDGE
from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.registry import PRESETS
from lcodec.format import QUALITY_LEVELS
from lcodec.integer import profile
from lcodec.weights.catalogue import Released, read_catalogue
from tests.conftest import ROOT
from tools import data_statement, release_check

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_wheel_has_the_package_with_all_models_and_nothing_else() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    builder = wheel.WheelBuilder(str(ROOT))
    included = {file.distribution_path for file in builder.recurse_included_files()}
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lcodec").rglob("*.py")}
    models = {
        f"lcodec/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "models").rglob("*")
        if path.is_file()
    }
    assert code <= included
    assert {"lcodec/weights.lock", "lcodec/weights/catalogue.toml", "lcodec/py.typed"} <= included
    pieces = {
        f"lcodec/desktop/lcodec.{kind}" for kind in ("xml", "desktop", "thumbnailer", "magic")
    }
    pages = {"lcodec/view/assets/view.js", "lcodec/bench/data/kodak_pixels.sha256"}
    assert pieces | pages <= included
    assert {name for name in included if name.startswith("lcodec/models/")} == models
    assert all(name.startswith("lcodec/") for name in included)
    assert not [name for name in included if name.endswith((".pyc", ".tmp"))]


def test_a_wheel_that_is_not_as_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "models" / "a").mkdir(parents=True)
    (tmp_path / "models" / "a" / "config.json").touch()
    names = ["lcodec/weights.lock", "lcodec/py.typed", "lcodec/models/LICENSE",
             "lcodec/models/a/config.json", "lcodec-1.dist-info/METADATA"]  # fmt: skip
    wheel = tmp_path / "a.whl"

    def made(*names: str) -> list[str]:
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in names:
                archive.writestr(name, "")
        return release_check.wheel_complaints(wheel, tmp_path)

    assert made(*names) == ["a.whl lacks lcodec/weights/catalogue.toml"]
    assert made(*names, "lcodec/weights/catalogue.toml") == []
    assert made(*names[:3], "lcodec/weights/catalogue.toml", "tests/x.py") == [
        "a.whl lacks lcodec/models/a/config.json",
        "a.whl should not have tests/x.py",
    ]


def test_licences() -> None:
    assert PROJECT["license"] == "Apache-2.0 AND CC-BY-4.0"
    assert PROJECT["authors"] == [{"name": "The lcodec authors"}]
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
    assert "Apache License" in text("LICENSE").split("\n", 1)[0]
    assert "END OF TERMS AND CONDITIONS" in text("LICENSE")
    assert text("models/LICENSE").startswith("Creative Commons Attribution 4.0 International")
    assert "Section 8" in text("models/LICENSE")
    assert "The lcodec authors" in text("NOTICE")


def test_what_only_research_needs_is_in_extras() -> None:
    names = {re.split(r"[<>=\[]", one)[0] for one in PROJECT["dependencies"]}
    assert names == {
        *("constriction", "imagecodecs", "numpy", "pillow", "rich", "safetensors", "tifffile"),
        *("torch", "typer"),
    }
    assert {"bench", "fetch", "docs", "heic", "ray", "remote", "strips", "dev"} == set(
        PROJECT["optional-dependencies"]
    )


def test_data_statement_adds_up() -> None:
    statement = text("models/DATA.md")
    total = int(re.findall(r"trained on (\d+) pictures", statement)[0])
    headings = re.findall(r"^## .*: (\d+) pictures?$", statement, re.MULTILINE)
    rows = re.findall(r"^\| \[(\S+)\]\(https\S+\) \| (\d+) \| .*?( \\\*)? \|$", statement, re.M)
    assert sum(map(int, headings)) == total
    assert sum(int(count) for _, count, _ in rows) == total
    assert len({name for name, _, _ in rows}) == int(re.findall(r"(\d+) public", statement)[0])
    marked = sum(int(count) for _, count, mark in rows if mark)
    assert f"{marked} pictures, marked" in statement


def test_data_statement_is_made_of_a_list() -> None:
    def row(repo: str, licence: str, basis: str, kind: str, size: str) -> dict[str, str]:
        keys = ("source_repo", "licence_as_stated", "licence_basis", "kind", "final_size")
        return dict(zip(keys, (repo, licence, basis, kind, size), strict=True))

    made = data_statement.statement(
        [
            row("a/b", "CC-BY-SA-4.0 / CC0", "image/asset licence stated", "photo/art", "1000x900"),
            row("a/b", "CC-BY-SA-4.0 / CC0", "image/asset licence stated", "photo/art", "1000x100"),
            row("c/d", "MIT; photos (Unsplash)", "repo-wide licence only", "other", "1000x1000"),
        ]
    )
    assert "trained on 3 pictures, 2 megapixels" in made
    assert "2 photographs and artwork, 1 other" in made
    assert "## CC BY-SA: 2 pictures\n" in made and "## MIT: 1 picture\n" in made
    assert "| [a/b](https://github.com/a/b) | 2 | CC-BY-SA-4.0 / CC0 |" in made
    assert "| [c/d](https://github.com/c/d) | 1 | MIT; photos (Unsplash) \\* |" in made
    assert data_statement.family("whatever") == "Others"


def test_versions_agree() -> None:
    assert release_check.version_complaints(ROOT, []) == []
    assert release_check.version_complaints(ROOT, [f"v{lcodec.__version__}", "other"]) == []
    (complaint,) = release_check.version_complaints(ROOT, ["v9.9.9"])
    assert "v9.9.9" in complaint


def test_models_without_a_commit_cannot_be_released(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Released("00000001", "a", 9, "0.2.0", None, ())
    monkeypatch.setattr(release_check, "read_catalogue", lambda: (waiting,))
    (complaint,) = release_check.catalogue_complaints()
    assert "a@00000001: no commit" in complaint


def test_every_generation_is_in_the_documents() -> None:
    table = dict(re.findall(r"^\| (\d+) \| ([0-9a-f, ]+) \|", text("docs/versions.md"), re.M))
    released: dict[str, set[str]] = {}
    for entry in read_catalogue():
        if entry.commit is not None:
            released.setdefault(str(entry.generation), set()).add(entry.commit[:7])
    assert {number: set(commits.split(", ")) for number, commits in table.items()} == released
    changes = text("CHANGELOG.md")
    assert all(commit in changes for commits in released.values() for commit in commits)


def test_size_of_an_installation_is_stated() -> None:
    readme = text("README.md")
    stated = release_check.STATED_SIZE.search(readme)
    assert stated is not None
    assert release_check.size_complaints(readme, float(stated[1]) * 1e9) == []
    assert release_check.size_complaints(readme, float(stated[1]) * 1.3e9)
    assert release_check.size_complaints("", 1e9)


def test_size_of_the_wheel_is_stated() -> None:
    sizes = json.loads(text("docs/figures/size.json"))
    stated = re.search(r"It has (\d+) MB;", text("docs/releasing.md"))
    assert stated is not None and int(stated[1]) == round(sizes["wheel"] / 1e6)


def test_figures_of_the_first_screen() -> None:
    readme = text("README.md")
    jpeg = re.search(r"^\| JPEG 4:2:0, optimised \| (-[\d.]+) %", readme, re.M)
    assert jpeg is not None
    assert ("half the bytes of a JPEG" in readme) is (float(jpeg[1]) <= -50)
    words = {8: "eight", 9: "nine", 10: "ten"}
    assert f"{words[len(PRESETS)]} entropy models" in readme


def test_figures_of_how_it_works() -> None:
    """The overhead of 48 bytes is held to by tests/container."""
    plain = " ".join(text("README.md").split())
    base = PRESETS["groupedmixer"]
    assert isinstance(base, GroupedMixerConfig)
    assert f"serve {QUALITY_LEVELS} qualities" in plain
    assert f"{base.groups} groups in the Base model" in plain
    weights, activations = (
        limit.bit_length() + 1 for limit in (profile.WEIGHT_LIMIT, profile.ACT_LIMIT)
    )
    assert f"{weights}-bit weights, {activations}-bit activations" in plain
    assert profile.FLOAT32_EXACT == 1 << 24 and "sums of products below 2^24" in plain
    assert f"independent tiles of {DEFAULT_TILE_EDGE} x {DEFAULT_TILE_EDGE} pixels" in plain
    assert "48 bytes of overhead" in plain


def test_the_workflow_runs_what_the_makefile_has() -> None:
    workflow = text(".github/workflows/ci.yml")
    targets = set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), re.MULTILINE))
    run = set(re.findall(r"run: make ([a-z-]+)", workflow))
    assert run <= targets
    assert {"install", "lint", "unit", "docs", "site", "oldest", "release-check"} <= run
    # `make test`, which .ci/run has, is lint and unit.
    assert re.search(r"^test: lint unit ", text("Makefile"), re.MULTILINE)
    versions = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert ", ".join(f'"{version}"' for version in versions) in workflow


def test_nothing_but_releases_puts_large_files_into_the_tree() -> None:
    """Weights in ``models`` and nothing else above a megabyte."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    large = [name for name in names if (ROOT / name).stat().st_size > 1e6]
    assert large and all(re.fullmatch(r"models/[^/]+/[\w-]+\.safetensors", name) for name in large)
