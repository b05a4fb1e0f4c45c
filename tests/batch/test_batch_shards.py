"""Tar shards: what is in them, what becomes of it, resuming shard by shard."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.batch.options import DecodeOptions
from lcodec.batch.shards import expand, plan_shards
from lcodec.batch.shardwork import ShardDecoder, ShardEncoder
from lcodec.batch.workers import DecodeWorker
from lcodec.cli.main import run
from lcodec.errors import FormatError, LcodecError, OutOfMemoryError, UsageError
from lcodec.library.codec import Codec
from tests.tinymodel import picture

from .fakes import OPTIONS

Capture = pytest.CaptureFixture[str]
Members = list[tuple[str, bytes]]


def png(seed: int, height: int = 24, width: int = 32) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(height, width, seed)).save(stream, "PNG")
    return stream.getvalue()


def shard(path: Path, members: Members) -> Path:
    """A tar file with these files and a folder, as other tools would make it."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        head = tarfile.TarInfo("./deep")
        head.type = tarfile.DIRTYPE
        tar.addfile(head)
        for number, (name, data) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1_500_000_000 + number, "someone"
            tar.addfile(info, io.BytesIO(data))
    return path


def members(path: Path) -> Members:
    with tarfile.open(path) as tar:
        found = [(info.name, tar.extractfile(info)) for info in tar]
        return [(name, stream.read()) for name, stream in found if stream is not None]


LONG = "deep/" + "n" * 120


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards in ``tmp_path``; the first has all kinds of members."""
    first: Members = [
        ("./deep/a.png", png(0)),
        ("./deep/a.json", b'{"label": 1}'),
        ("b.seg.png", png(1)),
        ("b.cls", b"7"),
        ("c.png", png(2, 40, 300)),
        ("c.jpg", png(3)),
        ("bad.png", b"nothing"),
        ("._a.png", b"of another system"),
        (f"{LONG}.png", png(4)),
    ]
    first += [(f"{number}.png", png(number)) for number in range(20)]
    shard(tmp_path / "photos-00.tar", first)
    shard(tmp_path / "photos-01.tar", [("z.png", png(5)), ("z.txt", b"words")])
    return tmp_path


@pytest.mark.usefixtures("tiny_model")
def test_shards_there_and_back(
    shards: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(shards)
    coding = ["batch", "photos-{00..01}.tar", "out", "-q", "30", "-j", "1"]
    assert run([*coding, "--json", "--manifest", "log"]) == 1
    printed = capsys.readouterr()
    bad = "bad.png: not a picture of a known format, or damaged; kept in the shard unchanged"
    assert printed.err.splitlines()[0] == f"lcodec: photos-00.tar: {bad}"
    assert "photos-{00..01}.tar: 2 encoded; 26 pictures; " in printed.err
    first, second = map(json.loads, printed.out.splitlines())
    assert (first["status"], first["pictures"], second["pictures"]) == ("done", 25, 1)
    assert first["total_pixels"] == 24 * 24 * 32 + 40 * 300
    assert len(first["spoilt"]) == 1

    before, after = members(shards / "photos-00.tar"), members(shards / "out" / "photos-00.tar")
    assert [name for name, _ in after][:9] == [
        *("./deep/a.lic", "./deep/a.json", "b.seg.lic", "b.cls", "c.png.lic", "c.jpg.lic"),
        *("bad.png", "._a.png", f"{LONG}.lic"),
    ]
    assert len(after) == len(before)
    for (name, source), (made, data) in zip(before, after, strict=True):
        if made.endswith(".lic"):
            assert data == lcodec.encode(io.BytesIO(source), 30), name
        else:
            assert (made, data) == (name, source)
    assert sum(len(data) for name, data in after if name.endswith(".lic")) == first["bytes"]
    with tarfile.open(shards / "out" / "photos-00.tar") as tar:
        infos = tar.getmembers()
        assert (infos[0].name, infos[0].isdir()) == ("./deep", True)
        assert (infos[1].mtime, infos[1].uname) == (1_500_000_000, "someone")

    # The picture that could not be encoded is finished, too.
    assert run(coding) == 9
    assert run(["batch", "photos-00.tar", "photos-01.tar", *coding[2:]]) == 9  # named one by one
    assert run([*coding, "-q", "31", "--quiet"]) == 1
    assert "./deep/a.lic is made with quality 30, not 31; `-f`" in capsys.readouterr().err
    back = ["batch", "--decode", "out/photos-{00..01}.tar", "back-{5..6}.tar", "-j", "1"]
    assert run(back) == 0
    assert run(back) == 9
    pictures = dict(members(shards / "back-5.tar"))
    with Image.open(io.BytesIO(pictures["./deep/a.png"])) as image:
        assert image.tobytes() == lcodec.decode(dict(after)["./deep/a.lic"]).pixels.tobytes()


def test_words_of_a_name_spoil_no_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    coders = ShardEncoder(OPTIONS), ShardDecoder(DecodeOptions())
    for coder in coders:
        (one,) = coder.code([("out of memory/photo", b"nothing")])
        assert isinstance(one, LcodecError)
        assert "out of memory/photo" in str(one)
    for lack in (OutOfMemoryError("it takes more memory than there is"), MemoryError()):

        def fail(*_: object, lack: Exception = lack) -> None:
            raise lack

        monkeypatch.setattr("lcodec.batch.shardwork.read_picture", fail)
        monkeypatch.setattr(DecodeWorker, "decode", fail)
        for coder in coders:
            with pytest.raises(type(lack)):
                coder.code([("photo", b"nothing")])


@pytest.mark.usefixtures("tiny_model")
def test_shards_are_resumed_one_by_one(
    shards: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(shards)
    coding = ["batch", "photos-{00..01}.tar", "out", "-q", "30", "-j", "1"]
    run(coding)
    good = (shards / "out" / "photos-01.tar").read_bytes()

    def reason(damaged: bytes) -> str:
        (shards / "out" / "photos-01.tar").write_bytes(damaged)
        capsys.readouterr()
        status = run([*coding, "--dry-run"])
        printed = capsys.readouterr()
        if status == 1:
            return printed.err.splitlines()[0]
        assert status == 0
        return printed.out.rpartition("(")[2]

    assert reason(good[:-9000]) == "damaged)\n"
    assert reason(b"") == "empty)\n"
    place = good.index(b"LIC\r") + 60
    flipped = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
    assert reason(flipped) == "damaged)\n"
    assert "exists, z.txt does not match its source" in reason(good.replace(b"words", b"WORDS"))
    assert "exists, not a tar file" in reason(b"something" * 200)
    (shards / "out" / "photos-01.tar").unlink()
    assert run(coding) == 0
    assert (shards / "out" / "photos-01.tar").read_bytes() == good
    # Another source in its place.
    shard(shards / "photos-01.tar", [("z.png", png(6)), ("z.txt", b"words")])
    assert run(coding) == 0
    assert dict(members(shards / "out" / "photos-01.tar"))["z.lic"] == lcodec.encode(
        io.BytesIO(png(6)), 30
    )


def with_holes(kind: str, name: str, size: int, end: bytes) -> bytes:
    """A member of ``size`` bytes, zeros but for its ``end``, as ``tar -S`` writes it."""
    place = size - len(end)
    if kind == "posix":
        info = tarfile.TarInfo(f"GNUSparseFile.0/{name}")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        info.pax_headers |= {"GNU.sparse.name": name, "GNU.sparse.realsize": str(size)}
        data = f"1\n{place}\n{len(end)}\n".encode().ljust(512, b"\0") + end
        info.size = len(data)
        head = info.tobuf(tarfile.PAX_FORMAT)
    else:
        info = tarfile.TarInfo(name)
        info.type, info.size, data = tarfile.GNUTYPE_SPARSE, len(end), end
        made = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        made[386:410] = b"%011o\0%011o\0" % (place, len(end))
        made[483:495] = b"%011o\0" % size
        made[148:156] = b" " * 8
        made[148:156] = b"%06o\0 " % sum(made)
        head = bytes(made)
    return head + data + bytes(-len(data) % 512)


@pytest.mark.parametrize("kind", ["posix", "gnu"])
@pytest.mark.usefixtures("tiny_model")
def test_files_with_holes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    shard(tmp_path / "plain.tar", [("a.png", png(0))])
    plain = Path("plain.tar").read_bytes().rstrip(b"\0")
    start = plain + bytes(-len(plain) % 512)
    holes = [with_holes(kind, name, 5000, b"words") for name in ("b.bin", "c.bin")]
    Path("a.tar").write_bytes(start + b"".join(holes) + bytes(1024))
    coding = ["batch", "a.tar", "out", "-q", "30", "-j", "1", "--quiet"]
    assert run(coding) == 0
    made = members(tmp_path / "out" / "a.tar")
    assert [name for name, _ in made] == ["a.lic", "b.bin", "c.bin"]
    assert made[1][1] == made[2][1] == bytes(4995) + b"words"
    assert run(coding) == 9
    # What takes no room in the shard must not take all there is in memory.
    Path("a.tar").write_bytes(start + with_holes(kind, "b.png", 1 << 32, b"x") + bytes(1024))
    assert run(["batch", "a.tar", "new", "-q", "30", "-j", "1", "--quiet"]) == 1
    line = "lcodec: a.tar: b.png: a file with holes of more than 256 MiB\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("words", [b"x" * 512, b"1\n" + b"9" * 30])
@pytest.mark.usefixtures("tiny_model")
def test_damaged_heads(
    words: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Of these tarfile raises errors of many kinds, whether there is an output or not."""
    monkeypatch.chdir(tmp_path)
    good = shard(tmp_path / "a.tar", [("a.png", png(0))]).read_bytes().rstrip(b"\0")
    coding = ["batch", "a.tar", "out", "-q", "30", "-j", "1", "--quiet"]
    assert run(coding) == 0
    hole = bytearray(with_holes("posix", "b.bin", 5000, b"words"))
    hole[-1024 : len(words) - 1024] = words
    for start in (b"", good + bytes(-len(good) % 512)):
        (tmp_path / "a.tar").write_bytes(start + hole + bytes(1024))
        assert run(coding) == 1
        line = capsys.readouterr().err
        assert line.startswith("lcodec: a.tar: "), line
        assert len(line.splitlines()) == 1


@pytest.mark.usefixtures("tiny_model")
def test_shards_that_cannot_be_read(
    shards: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(shards)
    whole = (shards / "photos-00.tar").read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    broken = {
        "cut.tar": whole[: end - 512],
        "endless.tar": whole[:end],
        "twice.tar": whole + whole,
        "none.tar": b"no tar at all" * 100,
    }
    for name, data in broken.items():
        (shards / name).write_bytes(data)
        assert run(["batch", name, "out", "-j", "1", "--quiet"]) == 1
        line = capsys.readouterr().err
        assert line.startswith(f"lcodec: {name}: "), line
        assert len(line.splitlines()) == 1
    clash = [("a.png", png(0)), ("a.lic", b"x"), ("a.png.lic", b"y")]
    shard(shards / "clash.tar", clash)
    assert run(["batch", "clash.tar", "out", "-j", "1", "--quiet"]) == 1
    assert "a.png cannot become a.png.lic" in capsys.readouterr().err
    assert run(["batch", "missing-{0..1}.tar", "out", "-j", "1", "--quiet"]) == 1
    assert "missing-1.tar: no such file" in capsys.readouterr().err
    assert not list(Path("out").glob("*"))


def test_small_members_are_decoded_together(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec(device="cpu")
    files = [(f"{n}.lic", codec.encode(picture(24, 40, n), 50)) for n in range(3)]
    files.insert(1, ("large.lic", codec.encode(picture(300, 260), 50)))
    coder = ShardDecoder(DecodeOptions(suffix=".png"))
    calls = []
    together = DecodeWorker.decode_many

    def counted(self: DecodeWorker, data: Any) -> Any:
        calls.append(len(data))
        return together(self, data)

    monkeypatch.setattr(DecodeWorker, "decode_many", counted)

    def check(became: list[Any]) -> None:
        for (_, data), one in zip(files, became, strict=True):
            if isinstance(one, Exception):
                assert data == b"nothing"
                continue
            with Image.open(io.BytesIO(one.data)) as image:
                assert np.array_equal(np.asarray(image), codec.decode(data).pixels)

    check(coder.code(files))
    assert calls == [3]
    files.append(("broken.lic", b"nothing"))
    check(coder.code(files))
    files.append(("cut.lic", files[0][1][:-7]))
    became = coder.code(files)
    assert isinstance(became.pop(), FormatError)
    del files[-1]
    check(became)


def test_patterns(tmp_path: Path) -> None:
    assert expand("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expand("a-{8..10}.tar") == ["a-8.tar", "a-9.tar", "a-10.tar"]
    assert expand("{0..1}/{5..6}.tar") == ["0/5.tar", "0/6.tar", "1/5.tar", "1/6.tar"]
    assert expand("plain{x}.tar") == ["plain{x}.tar"]
    for wrong in ("{3..1}.tar", "{0..9999999}.tar"):
        with pytest.raises(UsageError, match="a range of 1 to"):
            expand(wrong)
    jobs = plan_shards(["s3://b/x-{0..1}.tar"], str(tmp_path)).jobs
    assert [str(job.source) for job in jobs] == ["s3://b/x-0.tar", "s3://b/x-1.tar"]
    assert [job.output for job in jobs] == [tmp_path / "x-0.tar", tmp_path / "x-1.tar"]
    with pytest.raises(UsageError, match="2 shards cannot become 3"):
        plan_shards(["x-{0..1}.tar"], "y-{0..2}.tar")
    with pytest.raises(UsageError, match="the same name"):
        plan_shards(["{0..1}/x.tar"], str(tmp_path))
    same = plan_shards([f"{tmp_path}/x-{{0..1}}.tar"], str(tmp_path))
    assert len(same.problems) == 2
    loop = tmp_path / "loop.tar"
    loop.symlink_to(loop.name)
    assert len(plan_shards([str(loop)], str(tmp_path / "out")).jobs) == 1  # making it will fail
