"""Check that this tree can be released: build, install into an empty environment, try.

    python tools/release_check.py [--folder DIR] [--index URL] [--cuda] [--json FILE]

Checks that the catalogue has all models with their commits; that version, changelog, citation and
tag agree; that sdist and wheel build and have sound metadata; that the wheel has the right content;
that an empty virtual environment with the wheel passes `tools/smoke.py` and has the size that the
README states. Stops at the first fault. With `--json`, the sizes are written to a file for
`tools/results.py`; with `--cuda`, an installation with CUDA is also measured.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from lcodec import __version__
from lcodec.weights.catalogue import read_catalogue

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SIZE_TOLERANCE = 0.1
STATED_SIZE = re.compile(r"([0-9.]+) GB installed without CUDA")


def run(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command; exit if it fails."""
    print("+", *command, flush=True)
    status = subprocess.run([str(word) for word in command], cwd=folder, check=False).returncode
    if status:
        raise SystemExit(f"exit status {status}: {command[0]}")


def catalogue_complaints() -> list[str]:
    """Models without a commit."""
    waiting = [one.reference for one in read_catalogue() if one.commit is None]
    return [f"{name}: no commit in the catalogue; run tools/catalogue.py" for name in waiting]


def version_complaints(root: Path, tags: list[str]) -> list[str]:
    """Places with a version other than the package's; ``tags`` are those of the commit."""
    complaints = []
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[{re.escape(__version__)}\]", changelog, re.MULTILINE):
        complaints.append(f"CHANGELOG.md has no section for {__version__}")
    citation = (root / "CITATION.cff").read_text("utf-8")
    if not re.search(rf'^version: "?{re.escape(__version__)}"?$', citation, re.MULTILINE):
        complaints.append(f"CITATION.cff is not of version {__version__}")
    versions = [tag for tag in tags if re.fullmatch(r"v\d.*", tag)]
    if versions and f"v{__version__}" not in versions:
        complaints.append(f"the tag is {', '.join(versions)}, the version {__version__}")
    return complaints


def wheel_complaints(wheel: Path, root: Path) -> list[str]:
    """Files that the wheel lacks or should not have."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    wanted = {
        *(f"lcodec/{path}" for path in ("weights.lock", "weights/catalogue.toml", "py.typed")),
        *(f"lcodec/{p.relative_to(root).as_posix()}" for p in (root / "models").rglob("*.*")),
        "lcodec/models/LICENSE",
    }
    missing = sorted(wanted - set(names))
    foreign = [name for name in names if not re.match(r"lcodec(-[^/]*\.dist-info)?/", name)]
    return [
        *(f"{wheel.name} lacks {name}" for name in missing),
        *(f"{wheel.name} should not have {name}" for name in foreign),
    ]


def size_complaints(readme: str, size: float) -> list[str]:
    """Complaints if the README does not state this size (bytes) of an installation without CUDA."""
    stated = STATED_SIZE.search(readme)
    if stated is None:
        return ["README.md states no size of an installation"]
    if abs(float(stated[1]) * 1e9 / size - 1) > SIZE_TOLERANCE:
        return [f"README.md states {stated[1]} GB, it is {size / 1e9:.2f} GB"]
    return []


def insist(complaints: list[str]) -> None:
    """Exit with the complaints, if there are any."""
    if complaints:
        raise SystemExit("\n".join(complaints))


def folder_size(folder: Path) -> int:
    """Bytes on disk, as `du` counts them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_blocks * 512 for path in files)


def main() -> None:
    """Run all checks, the cheapest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "release", metavar="DIR")
    parser.add_argument(
        "--index", default=CPU_INDEX, help="package index of torch without CUDA; may be ''"
    )
    parser.add_argument("--cuda", action="store_true", help="also install torch with CUDA")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the sizes there")
    options = parser.parse_args()
    folder = options.folder.resolve()
    insist(catalogue_complaints())
    run(sys.executable, "tools/catalogue.py", "--check")
    tags = subprocess.run(
        ["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    insist(version_complaints(ROOT, tags.stdout.split()))

    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", folder / "dist")
    files = sorted((folder / "dist").iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    for file in files:
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
    (wheel,) = (folder / "dist").glob("*.whl")
    insist(wheel_complaints(wheel, ROOT))

    index = ["--extra-index-url", options.index] if options.index else []
    with_pins: list[str | Path] = ["-c", ROOT / "constraints.txt"]
    sizes = {"installed": installed_size(folder, wheel, *with_pins, *index, smoke=True)}
    if options.cuda:
        sizes["installed_with_cuda"] = installed_size(folder, wheel)
    if options.json:
        write_sizes(options.json, sizes | {"wheel": wheel.stat().st_size})
    else:
        insist(size_complaints((ROOT / "README.md").read_text("utf-8"), sizes["installed"]))
    print("release check passed")


def installed_size(folder: Path, wheel: Path, *options: str | Path, smoke: bool = False) -> int:
    """Bytes of the wheel and its dependencies in an empty environment, which is then deleted."""
    environment = folder / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", *options, wheel)
    if smoke:
        run(python, "-I", ROOT / "tools" / "smoke.py", folder=folder)
    size = folder_size(environment)
    print(f"installed: {size / 1e9:.2f} GB")
    shutil.rmtree(environment)
    return size


def write_sizes(path: Path, sizes: dict[str, int]) -> None:
    """Write the sizes to a file, keeping those not measured this time."""
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found = before | sizes | {"version": __version__}
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
