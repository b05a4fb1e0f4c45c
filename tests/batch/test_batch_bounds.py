"""Files of 60 GB, here and in stores: none is read further than a file of its kind goes on."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

import lcodec
from lcodec.cli.main import run
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]
ENDLESS = 60 << 30
MOST = 200 << 20
"""Bytes of one file that may be read: a little more than what is fetched at once."""


class Counted(io.FileIO):
    """A file that minds when too much of it is read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 <= size <= MOST, "all of it was asked for"
        data = super().read(size) or b""
        self.taken += len(data)
        assert self.taken <= MOST, "too much was read"
        return data


class Minding(LocalFileSystem):  # type: ignore[misc]
    """A store of files below a folder, of which none is read as a whole."""

    protocol = "minding"

    @classmethod
    def _strip_protocol(cls, path: str) -> Any:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("minding://"))

    def open(self, path: str, *_: Any, **__: Any) -> Any:
        return Counted(self._strip_protocol(path))

    def cat_file(self, path: str, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"{path} was asked for as a whole")


@pytest.fixture(params=["here", "store"])
def prefix(request: pytest.FixtureRequest) -> str:
    """What makes a path a location of the kind that is tested."""
    fsspec.register_implementation("minding", Minding, clobber=True)
    return "" if request.param == "here" else "minding://"


def endless(path: Path, start: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(start)
    os.truncate(path, ENDLESS)


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(24, 32, seed)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.usefixtures("tiny_model")
def test_sources_to_decode(prefix: str, tmp_path: Path, capsys: Capture) -> None:
    data = lcodec.encode(picture(24, 32), 30)
    endless(tmp_path / "in" / "behind.lic", data)
    endless(tmp_path / "in" / "hole.lic", data[:-40])
    endless(tmp_path / "in" / "zeros.lic", b"")
    (tmp_path / "in" / "good.lic").write_bytes(data)
    source = f"{prefix}{tmp_path / 'in'}"
    assert run(["batch", "--decode", source, str(tmp_path / "out"), "-j", "1"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert ": 1 decoded, 3 failed; " in lines[-1]
    assert len(lines) == 4
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


@pytest.mark.usefixtures("tiny_model")
def test_sources_to_encode(prefix: str, tmp_path: Path, capsys: Capture) -> None:
    endless(tmp_path / "in" / "behind.png", png(0))
    endless(tmp_path / "in" / "zeros.png", b"")
    (tmp_path / "in" / "good.png").write_bytes(png(1))
    coding = ["batch", f"{prefix}{tmp_path / 'in'}", str(tmp_path / "out"), "-q", "30", "-j", "1"]
    assert run(coding) == 1
    assert ": 2 encoded, 1 failed; " in capsys.readouterr().err.splitlines()[-1]
    assert (tmp_path / "out" / "behind.lic").read_bytes() == lcodec.encode(picture(24, 32), 30)
    assert run(coding) == 1  # and when they are compared with what is there
    assert ": 2 skipped (finished before), 1 failed" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("tiny_model")
def test_what_is_there_already(prefix: str, tmp_path: Path, capsys: Capture) -> None:
    for name in ("behind", "hole", "zeros"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.png").write_bytes(png(0))
    data = lcodec.encode(picture(24, 32), 30)
    endless(tmp_path / "coded" / "behind.lic", data)
    endless(tmp_path / "coded" / "hole.lic", data[:-40])
    endless(tmp_path / "coded" / "zeros.lic", b"")
    encoding = ["batch", str(tmp_path / "in"), f"{prefix}{tmp_path / 'coded'}", "-q", "30"]
    assert run([*encoding, "-n"]) == 1
    printed = capsys.readouterr()
    assert [line.rpartition(" (")[2] for line in printed.out.splitlines()] == ["damaged)"] * 2
    assert "zeros.lic: exists, not a .lic file; `-f` replaces it" in printed.err

    (tmp_path / "lic").mkdir()
    for name in ("behind", "zeros"):
        (tmp_path / "lic" / f"{name}.lic").write_bytes(data)
    endless(tmp_path / "pictures" / "behind.png", png(0))
    endless(tmp_path / "pictures" / "zeros.png", b"")
    decoding = ["batch", "--decode", str(tmp_path / "lic"), f"{prefix}{tmp_path / 'pictures'}"]
    assert run([*decoding, "-n"]) == 1
    printed = capsys.readouterr()
    assert "zeros.png: exists, not a picture; `-f` replaces it" in printed.err
    assert ": 1 skipped (finished before), 1 failed" in printed.err
