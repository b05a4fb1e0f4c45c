"""What ``lcodec batch`` keeps of pictures besides their colours, and what it records."""

from __future__ import annotations

import io
import json
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import lcodec
from lcodec import container
from lcodec.cli.main import run
from lcodec.picture import Metadata, Picture, save
from tests.picture.samples import exif, icc
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("tiny_model")
def test_alpha_and_metadata_go_through(tmp_path: Path, capsys: Capture) -> None:
    source, coded, back = (tmp_path / name for name in ("in", "out", "back"))
    source.mkdir()
    levels = picture(20, 30)
    whole = Picture(levels, alpha=levels[..., 0], metadata=Metadata(icc()))
    save(whole, source / "a.png")
    arguments = ["batch", str(source), str(coded), "-j", "1"]
    assert run(arguments) == 0
    data = (coded / "a.lic").read_bytes()
    assert data == lcodec.encode(whole)
    capsys.readouterr()
    assert run([*arguments, "--strip"]) == 1
    assert "made without --strip; `-f` replaces it" in capsys.readouterr().err
    assert run([*arguments, "--strip", "--force"]) == 0
    assert (coded / "a.lic").read_bytes() == lcodec.encode(whole, strip=True)
    assert run([*arguments, "--strip"]) == 9
    capsys.readouterr()
    decoding = ["batch", "--decode", str(coded), str(back), "--format", "jpg", "-j", "1"]
    assert run([*decoding, "--strip"]) == 2
    assert "`--strip` is for encoding" in capsys.readouterr().err
    assert run([*decoding, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["notes"] == ["a .jpg file cannot hold everything; lost: alpha"]


@pytest.mark.usefixtures("tiny_model")
def test_records_have_the_size_of_the_coded_picture(tmp_path: Path, capsys: Capture) -> None:
    source, coded = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    turned = {f"{side}{suffix}" for side in range(1, 9) for suffix in (".jpg", ".tif", ".webp")}
    turned |= {"6.png", "6.avif"} if features.check("avif") else {"6.png"}
    for name in turned:
        tags = Image.Exif()
        tags[0x0112] = int(name[0])
        Image.fromarray(picture(20, 30)).save(source / name, exif=tags)
    arguments = ["batch", str(source), str(coded), "-j", "1", "--json", "--quiet"]
    runs: tuple[tuple[list[str], int, str], ...] = (
        (["-n"], 0, "planned"),
        ([], 0, "done"),
        ([], 9, "skipped"),
        (["-q", "3"], 1, "failed"),
        (["-q", "3", "-n", "-f"], 0, "planned"),
    )
    for more, status, word in runs:
        assert run([*arguments, *more]) == status
        records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {record["status"] for record in records} == {word}
        for record in records:
            sides = (30, 20) if int(Path(record["source"]).name[0]) < 5 else (20, 30)
            assert (record["width"], record["height"]) == sides, record
        assert len(records) == len(turned)


@pytest.mark.usefixtures("tiny_model")
def test_an_orientation_after_the_pixels_is_known_from_the_file(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "in").mkdir()
    stream = io.BytesIO()
    Image.fromarray(picture(20, 30)).save(stream, "PNG")
    chunk = b"eXIf" + exif(6)
    late = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    data = stream.getvalue()
    (tmp_path / "in" / "a.png").write_bytes(data[:-12] + late + data[-12:])
    arguments = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "--json"]
    for status in (0, 9):
        assert run(arguments) == status
        record = json.loads(capsys.readouterr().out)
        assert (record["width"], record["height"]) == (20, 30)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.usefixtures("tiny_model")
def test_metadata_that_is_half_of_some_files(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for name, size in (("a", 3000), ("b", 4000), ("c", 0)):
        metadata = Metadata(xmp=random.bytes(size) if size else None)
        save(Picture(picture(32, 32), metadata=metadata), tmp_path / "in" / f"{name}.png")
    log = tmp_path / "log.ndjson"
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-q", "30", "-j", "1"]
    assert run([*command, "--manifest", str(log)]) == 0
    warning, _ = capsys.readouterr().err.splitlines()
    told = re.fullmatch(
        r"lcodec: warning: .*in: metadata makes up (.*) bytes, 9\d\.\d % of .*b\.lic, and half or "
        "more of 1 other file; `--strip` drops it",
        warning,
    )
    records = {Path(r["output"]).name: r for r in map(json.loads, log.read_text().splitlines())}
    assert records.pop("c.lic")["metadata_bytes"] == 0
    for name, record in records.items():
        data = (tmp_path / "out" / name).read_bytes()
        assert record["metadata_bytes"] == container.describe(data)["metadata_bytes"] > 1000
    assert told and int(told[1].replace(",", "")) == records["b.lic"]["metadata_bytes"]
    assert run([*command, "-f", "--strip"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
