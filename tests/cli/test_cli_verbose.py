"""``-v``: what was done, with what, and how long it took; on standard error alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import container
from lcodec.cli.main import run
from lcodec.library.codec import Codec
from lcodec.picture import Metadata, Picture, save
from lcodec.tunes import default_model
from tests.picture.samples import icc
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("tiny_model")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture with alpha and a profile."""
    path = tmp_path / "photo.png"
    levels = picture(50, 70)
    alpha = np.ascontiguousarray(levels[..., 0])
    save(Picture(levels, alpha=alpha, metadata=Metadata(icc())), path)
    return path


def rows(text: str) -> list[tuple[str, str]]:
    """Labels and texts of the lines that are indented."""
    found = [re.fullmatch(r"  (\w+) +(\S.*)", line) for line in text.splitlines()]
    return [(match[1], match[2]) for match in found if match]


def seconds(text: str) -> list[str]:
    """Stages of which a row has the seconds."""
    return [re.sub(r" \d+\.\d\d$", "", part) for part in text.split(", ")]


def test_encode_and_decode(photo: Path, capsys: Capture) -> None:
    coded = photo.with_suffix(".lic")
    assert run(["encode", str(photo), "-v", "--device", "cpu", "--json"]) == 0
    printed = capsys.readouterr()
    told = dict(rows(printed.err))
    assert list(told) == ["picture", "model", "tiles", "file", "seconds"]
    assert told["picture"] == f"70x50 RGB with alpha, 8 bit, ICC {len(icc())} bytes"
    codec = Codec(device="cpu")
    assert f"id {codec.loaded.model_id.hex()}" in told["model"]
    assert f"on cpu with {codec.loaded.entropy.carrier.name} products" in told["model"]
    assert told["tiles"] == "1x1 of up to 1024x1024 pixels"
    sizes = dict(re.findall(r"([a-z]+) ([\d,]+)(?:, |$)", told["file"].partition(" bytes, ")[2]))
    assert set(sizes) == {"latent", "hyper", "alpha", "metadata", "overhead"}
    assert sum(int(size.replace(",", "")) for size in sizes.values()) == coded.stat().st_size
    assert told["file"].startswith(f"{coded.stat().st_size:,} bytes")
    stages = seconds(told["seconds"])
    assert stages[:3] == ["reading", "networks", "layers"]
    assert stages[-1] == "writing"
    assert list(json.loads(printed.out)["stages"]) == stages
    assert printed.err.splitlines()[-1].startswith(f"{photo} ")

    assert run(["decode", str(coded), str(photo.with_name("b.tif")), "--verbose"]) == 0
    back = dict(rows(capsys.readouterr().err))
    assert list(back) == ["tiles", "file", "model", "picture", "seconds"]
    assert (back["picture"], back["file"]) == (told["picture"], told["file"])
    assert "synthesis" in seconds(back["seconds"])


def test_search(photo: Path, capsys: Capture) -> None:
    image = Image.open(photo)
    limit = len(lcodec.encode(image, 40, device="cpu"))
    arguments = ["encode", str(photo), "-v", "--device", "cpu", "--target-size", str(limit)]
    assert run(arguments) == 0
    tried = [text for label, text in rows(capsys.readouterr().err) if label == "tried"]
    found = Codec(device="cpu").encode_detailed(image, target=lcodec.Target.size(limit))
    assert tried == [
        f"quality {trial.quality}, effort 0, {trial.size:,} bytes" for trial in found.trials
    ]
    assert len(tried) > 1
    assert run([*arguments[:-2], "--target-psnr", "20", "-f"]) == 0
    tried = [text for label, text in rows(capsys.readouterr().err) if label == "tried"]
    assert re.fullmatch(r"quality 50, effort 0, ([\d,]+ bytes, )?\d+\.\d{3} dB", tried[0])


def test_repack(photo: Path, capsys: Capture) -> None:
    coded, other = photo.with_suffix(".lic"), photo.with_name("other.lic")
    coded.write_bytes(lcodec.encode(picture(50, 70), tune="psnr", device="cpu"))
    assert run(["repack", str(coded), str(other), "--model", "groupedmixer", "-v"]) == 0
    labels = [label for label, _ in rows(capsys.readouterr().err)]
    assert labels == ["tiles", "before", "from", "to", "tiles", "after", "seconds"]


def test_files_are_described_only_where_that_is_shown(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["encode", str(photo), "--quiet", "--device", "cpu"]) == 0
    coded = str(photo.with_suffix(".lic"))
    described = []
    describe = container.describe

    def noted(*args: Any, **options: Any) -> Any:
        described.append(args)
        return describe(*args, **options)

    monkeypatch.setattr(container, "describe", noted)
    repacking = ["repack", coded, str(tmp_path / "b.lic"), "--model", default_model()]
    for words, count in ((["decode", coded, str(tmp_path / "b.png")], 1), (repacking, 2)):
        for option, times in (("-f", 0), ("-vf", count)):
            described.clear()
            assert run([*words, option, "--device", "cpu"]) == 0
            assert len(described) == times


def test_inspect(photo: Path, capsys: Capture) -> None:
    coded = photo.with_suffix(".lic")
    data = Codec(device="cpu", tile_edge=64).encode(picture(50, 70))
    coded.write_bytes(data)
    assert run(["inspect", "-v", str(coded)]) == 0
    verbose = capsys.readouterr().out
    assert run(["inspect", str(coded)]) == 0
    brief = capsys.readouterr().out
    assert verbose.startswith(brief)
    listed = [line.split() for line in verbose.removeprefix(brief).splitlines()]
    whole = lcodec.inspect(data)
    sections = [
        [s["type"], str(s["offset"]), str(s["size"]), s["crc"] or "none"] for s in whole["sections"]
    ]
    assert listed[1 : 1 + len(sections)] == sections
    assert listed[-1][0] == "1"
    assert listed[-1][1:5] == ["64", "0", "6", "50"]
    assert listed[-1][-1] == whole["tiles"][1]["checksum"]


def test_batch(photo: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"nothing")
    arguments = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "-v"]
    assert run(arguments) == 1
    told = rows(capsys.readouterr().err)
    size = (tmp_path / "out" / "a.lic").stat().st_size
    source, output = tmp_path / "in" / "a.png", tmp_path / "out" / "a.lic"
    assert told[0] == ("batch", "2 files, 1 at a time")
    assert told[1][0] == "done"
    assert told[1][1].startswith(f"{source} -> {output}: 70x50, {size:,} bytes, ")
    failed = f"{tmp_path / 'in' / 'b.png'} -> {tmp_path / 'out' / 'b.lic'}: "
    assert told[2] == ("failed", f"{failed}not a picture of a known format, or damaged")
    assert run(arguments) == 1
    assert ("skipped", f"{source} -> {output}") in rows(capsys.readouterr().err)
