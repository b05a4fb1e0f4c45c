"""Completion by the shell: what is offered, for which shells, and that it comes at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec.cli import complete
from lcodec.cli.main import run
from lcodec.errors import UsageError
from lcodec.weights import places

from .command import TIMEOUT, environment, hollow_model, lcodec

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("folder")

SHOWN = ("bash", "zsh", "fish")


@pytest.fixture
def folder(tmp_path: Path, tiny_models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files of all kinds in it."""
    for name in ("a.lic", "b.LIC", "c.png", "d.JPG", "notes.txt", ".hidden.lic", "two words.lic"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "e.lic").touch()
    (tmp_path / "in" / "deep" / "f.qoi").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LCODEC_MODELS", str(tiny_models_folder))
    # The released models are not to be seen, however many there are.
    monkeypatch.setattr(
        places, "__file__", str(tmp_path / "nowhere" / "lcodec" / "weights" / "places.py")
    )
    return tmp_path


def variables(shell: str, *words: str) -> dict[str, str]:
    """How the script for a shell asks; the last word is the one to complete."""
    if shell == "bash":
        asked = {"COMP_WORDS": "\n".join(["lcodec", *words]), "COMP_CWORD": str(len(words))}
    else:
        asked = {"_TYPER_COMPLETE_ARGS": " ".join(["lcodec", *words])}
    return asked | {
        complete.VARIABLE: f"complete_{shell}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["re"], ["repack"]),
        (["weights", ""], ["list", "verify", "add", "export"]),
        (
            ["encode", "--target-"],
            ["--target-size", "--target-bpp", "--target-psnr", "--target-ssimulacra2"],
        ),
        (["encode", "c.png", "--device", ""], ["auto", "cpu", "cuda"]),
        (["train", "--stage", "t"], ["transforms"]),
        (["encode", "--model", ""], ["groupedmixer", "groupedmixer-visual"]),
        (["repack", "--model", "groupedmixer-"], ["groupedmixer-visual"]),
        (["repack", "--model", "x"], []),
        (["weights", "verify", "t"], ["transforms", "transforms-visual"]),
        (["compare-models", "--models", "groupedmixer-"], ["groupedmixer-visual"]),
        (["compare-models", "--models", "groupedmixer,groupedmixer-visual,"], []),
        (["compare-models", "--models", "groupedmixer,"], ["groupedmixer,groupedmixer-visual"]),
        (["batch", "--format", "ti"], ["tif", "tiff"]),
        (["--version", "insp"], ["inspect"]),
        (["decode", "--scale", ""], ["1/16", "1/2", "1/4", "1/8"]),
        (["decode", "--scale", "1/1"], ["1/16"]),
        (["decode", ""], ["a.lic", "b.LIC", "in/"]),
        (["decode", "."], [".hidden.lic"]),
        (["decode", "in"], ["in/deep/e.lic"]),  # one folder, and one in it
        (["inspect", "a.lic", ""], ["a.lic", "b.LIC", "in/"]),
        (["encode", ""], ["c.png", "d.JPG", "in/"]),
        (["encode", "in/deep/"], ["in/deep/f.qoi"]),
        (["encode", "c"], ["c.png"]),
        (["encode", "no"], []),
        (["encode", "nowhere/x"], []),
        (["encode", "c.png", ""], ["c.png", "d.JPG", "in/"]),  # or any other name
    ],
)
def test_offers(
    words: list[str], offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name, value in variables("bash", *words).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ending:
        run([])
    assert ending.value.code == 0
    assert sorted(capsys.readouterr().out.split("\n")[:-1]) == sorted(offered or [""])


def test_names_with_blanks_where_they_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(complete.VARIABLE, "complete_zsh")
    assert complete.lic_files("t") == ["two words.lic"]
    monkeypatch.setenv(complete.VARIABLE, "complete_bash")
    assert complete.lic_files("t") == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_no_name_becomes_a_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of names that a shell would not take over as they are, whatever part of a path they are."""
    hostile = folder / "x"
    names = ["y\\$(id).lic", 'x\\");id;(".lic', "it's.lic", "z`id`.lic", "new\nline.lic"]
    for name in [*names, "a;id.lic", "plain.lic", "p q.lic"]:
        (hostile / f"in {name}").mkdir(parents=True)
        (hostile / f"in {name}" / "w.lic").touch()
        (hostile / name).touch()
    for shell in ("bash", "powershell", "pwsh"):
        monkeypatch.setenv(complete.VARIABLE, f"complete_{shell}")
        assert complete.lic_files("x/") == ["x/plain.lic"]
        assert complete.lic_files("x/in plain.lic/") == []
    quoted = ["x/a;id.lic", "x/p q.lic", "x/plain.lic"]
    monkeypatch.setenv(complete.VARIABLE, "complete_zsh")
    assert [name for name in complete.lic_files("x/") if not name.endswith("/")] == quoted
    assert complete.lic_files("x/in a;id.lic/") == ["x/in a;id.lic/w.lic"]
    for name in names:
        assert complete.lic_files(f"x/in {name}/") == []
    monkeypatch.setenv(complete.VARIABLE, "complete_fish")
    assert complete.lic_files("x/y") == ["x/y\\$(id).lic"]
    assert complete.lic_files("x/new") == []


def test_in_a_real_zsh(folder: Path) -> None:
    """What is offered, its script evaluates."""
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("no zsh")
    (folder / "y\\$(touch made).lic").touch()
    program = folder / "lcodec"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lcodec "$@"\n')
    program.chmod(0o755)
    script = """
        compdef() { :; }
        # As in the function of zsh's own completion.
        _arguments() {
            local action="${1#*:*:}"
            eval ws\\=\\( "${action[3,-3]}" \\)
            print -l $ws
        }
        eval "$(lcodec --show-completion zsh)"
        words=(lcodec decode "") CURRENT=3
        _lcodec_completion
    """
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [zsh, "-f", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(PATH=path),
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["a.lic", "b.LIC", "in/", "two words.lic"]
    assert not (folder / "made").exists()


def test_a_damaged_lock_is_no_reason_to_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = hollow_model(folder / "store")
    (models.parent / "weights.lock").write_text("no [TOML")
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    assert complete.models("") == complete.all_models("") == []


SCRIPT = """
import json, sys
from lcodec.cli.main import run
try:
    run([])
finally:
    heavy = {"torch", "numpy", "PIL", "constriction", "safetensors"} & set(sys.modules)
    print(json.dumps(sorted(heavy)), file=sys.stderr)
"""


@pytest.mark.parametrize("shell", SHOWN)
def test_every_shell_is_answered_without_anything_heavy(shell: str, folder: Path) -> None:
    for words in (["encode", "--"], ["decode", ""], ["encode", "--model", ""]):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment(**variables(shell, *words)),
            timeout=TIMEOUT,
            check=True,
        )
        assert json.loads(done.stderr) == []
        if words[0] == "decode":
            assert "a.lic" in done.stdout
        elif len(words) == 3:
            assert "groupedmixer" in done.stdout
        else:
            check_options(shell, done.stdout)


def check_options(shell: str, text: str) -> None:
    """A line for each option, with nothing broken into two by a long help text."""
    lines = text.splitlines()
    assert len([line for line in lines if "--" in line]) == len(lines) > 10
    if shell == "fish":
        assert "--json\tPrint the figures as JSON on standard output" in lines
    if shell == "zsh":
        assert '"--json":"Print the figures as JSON on standard output"' in lines
        assert lines[0].startswith("_arguments '*: :((")
        assert lines[-1].endswith("))'")


@pytest.mark.parametrize("shell", SHOWN)
def test_scripts(shell: str) -> None:
    shown = lcodec("--show-completion", shell)
    assert (shown.status, shown.err) == (0, "")
    script = shown.out.decode()
    assert f"{complete.VARIABLE}=complete_{shell}" in script
    assert script.startswith(
        {"bash": "_lcodec", "zsh": "#compdef lcodec", "fish": "complete"}[shell]
    )
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=shown.out, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, b"")


def test_in_a_real_bash(folder: Path) -> None:
    """The script, installed by typer into a home of its own, and what a Tab does then."""
    bash = shutil.which("bash")
    if bash is None or sys.platform == "win32":
        pytest.skip("no bash")
    (folder / "bin").mkdir()
    program = folder / "bin" / "lcodec"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lcodec "$@"\n')
    program.chmod(0o755)
    script = """
        lcodec --install-completion || exit 1
        . "$HOME/.bashrc"
        complete -p lcodec
        press() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _lcodec_completion lcodec
            echo "${COMPREPLY[@]}"
        }
        press lcodec ins
        press lcodec decode ''
    """
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "--norc", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(HOME=str(folder / "home"), PATH=path),
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == [
        "complete -o default -F _lcodec_completion lcodec",
        "inspect",
        "a.lic b.LIC bin/ home/ in/",
    ]


def test_unknown_shells() -> None:
    assert complete.asked_script(["encode"]) is None
    assert complete.asked_script(["--show-completion", "zsh"]) == "zsh"
    for flag in ("--show-completion", "--install-completion"):
        assert complete.asked_script([flag], detect=lambda: True) is None
        with pytest.raises(UsageError, match="cannot tell which shell"):
            complete.asked_script([flag], detect=lambda: False)
