"""Folders and times of outputs: what cannot be had is an error of the output."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lcodec.batch.location import write
from lcodec.cli import paths
from lcodec.desktop import pieces
from lcodec.errors import OutputError
from lcodec.process.atomic import atomic_write
from lcodec.process.outputs import make_folder, set_time
from lcodec.training.checkpoint import save_portable, save_run
from lcodec.training.export import write_model
from lcodec.training.latents import LatentCrops
from lcodec.training.log import Log
from lcodec.twin.codec import TwinCodec
from lcodec.weights import add
from tests.conftest import ROOT
from tests.tinymodel import CONFIG

NS = 1_500_000_000_123_456_700


def in_a_batch(folder: Path) -> None:
    with write(folder / "a.lic", overwrite=True):
        pytest.fail("the block must not run")


def latents(folder: Path) -> None:
    LatentCrops(*[torch.zeros(1)] * 4).save(folder / "latents.safetensors")


def added(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(add, "added_folder", lambda: folder)
        with add._staging():
            pytest.fail("the block must not run")


WRITERS: dict[str, Callable[[Path], object]] = {
    "folder": make_folder,
    "batch": in_a_batch,
    "desktop": lambda folder: pieces.install(folder, ""),
    "run": lambda folder: save_run(folder, {}, {"steps": 1}),
    "portable run": lambda folder: save_portable(folder, {}, {"steps": 1}),
    "log": lambda folder: Log(folder / "log.ndjson"),
    "latents": latents,
    "export": lambda folder: write_model(TwinCodec(CONFIG), folder, "tiny", "shared"),
    "added model": added,
}


@pytest.mark.parametrize("name", WRITERS)
def test_folder_that_cannot_be_made(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        WRITERS[name](tmp_path / "file" / "folder")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(str(tmp_path / "file" / "folder"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folders_of_this_machine_are_made_in_one_place() -> None:
    makes = re.compile(r"(?<!store)\.(mkdir|makedirs)\(")
    found = [path for path in (ROOT / "lcodec").rglob("*.py") if makes.search(path.read_text())]
    assert found == [ROOT / "lcodec" / "process" / "outputs.py"]


def test_only_the_time_of_modification_is_set(tmp_path: Path) -> None:
    source, output = tmp_path / "a.png", tmp_path / "a.lic"
    for path in (source, output):
        path.touch()
        os.utime(path, ns=(NS + 1000, NS + 2000))
    set_time(output, NS)
    assert (output.stat().st_atime_ns, output.stat().st_mtime_ns) == (NS + 1000, NS)
    paths.keep_time(str(source), str(output))
    assert output.stat().st_mtime_ns == NS + 2000
    with pytest.raises(OutputError, match=r"b\.lic: its time cannot be set"):
        set_time(tmp_path / "b.lic", NS)
    with pytest.raises(OutputError, match=r"a\.lic: cannot be given the time of .*c\.png"):
        paths.keep_time(str(tmp_path / "c.png"), str(output))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").symlink_to("/dev/full")
    with (
        pytest.raises(OutputError, match=r"log\.ndjson: cannot be written: No space"),
        Log(tmp_path / "log.ndjson") as log,
    ):
        log.write({"step": 1})


def test_a_name_that_cannot_be(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot be written: has a character NUL"),
        atomic_write(f"{tmp_path}/a\0b.png", overwrite=True),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
def test_what_a_killed_process_was_adding_goes_with_the_next(tmp_path: Path) -> None:
    """But not what another one is adding, however long that takes, nor what is young."""
    killed, young, other = (tmp_path / name for name in (".adding-a", ".adding-b", "4-00c0ffee"))
    for folder in (killed, young, other):
        (folder / "models").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(add, "added_folder", lambda: tmp_path)
        with add._staging() as running:
            for folder in (killed, running, other):
                os.utime(folder, ns=(NS, NS))
            with add._staging() as second:
                assert set(tmp_path.iterdir()) == {young, other, running, second}
    assert set(tmp_path.iterdir()) == {young, other}


def test_a_link_to_a_missing_folder_is_called_so(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"link: is a link to a missing folder$"):
        make_folder(link)
    (tmp_path / "nowhere").mkdir()
    make_folder(link)
