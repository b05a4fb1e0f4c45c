"""Sources and outputs in stores: S3 from a real server, archives, memory, stores that rename."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec
import pytest
from PIL import Image

import lcodec
from lcodec.batch.location import parse_location
from lcodec.batch.plan import plan_list, plan_tree
from lcodec.batch.report import Stamp
from lcodec.batch.search import fault_of
from lcodec.batch.url import State, Url
from lcodec.cli.main import run
from lcodec.errors import UsageError
from tests.batch.conftest import contents, read
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in ``in``, one of them in a folder of its own."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(picture(40, 40)).save(tmp_path / "in" / "a.png")
    Image.fromarray(picture(40, 40, 1)).save(tmp_path / "in" / "deep" / "b.png")
    Image.fromarray(picture(30, 50, 2)[..., 0]).save(tmp_path / "in" / "c.jpg")
    return tmp_path


def stored(store: Any, folder: str) -> dict[str, bytes]:
    return {
        name.removeprefix(folder.rstrip("/") + "/"): store.cat_file(name)
        for name in store.find(folder)
    }


def test_locations() -> None:
    assert parse_location("a/b") == Path("a/b")
    assert parse_location("file:///a/b.png") == Path("/a/b.png")
    assert parse_location("S3://bucket/a/") == Url("s3", "bucket/a")
    assert parse_location("C:/pictures") == Path("C:/pictures")
    inside = parse_location("zip://photos::s3://bucket/all.zip")
    assert str(inside / "x" / "a.png") == "zip://photos/x/a.png::s3://bucket/all.zip"
    assert str(parse_location("zip://::/tmp/a.zip") / "a.png") == "zip://a.png::/tmp/a.zip"
    web = Url("https", "host/a.b/photo.JPG?size=1.5")
    assert (web.name, web.suffix) == ("photo.JPG", ".JPG")
    with pytest.raises(UsageError, match="file:///folder/name"):
        parse_location("file://a.png")


@pytest.mark.usefixtures("tiny_model")
def test_s3_both_ways(folder: Path, bucket: Any, capsys: Capture) -> None:
    source, local = folder / "in", folder / "out"
    assert run(["batch", str(source), str(local), "-q", "30", "-j", "1", "--quiet"]) == 0
    expected = contents(local)
    bucket.put(str(source), "pictures/in", recursive=True)
    bucket.pipe_file("pictures/in/.hidden.png", b"nothing")
    log = folder / "log.ndjson"
    coding = ["batch", "s3://pictures/in", "s3://pictures/out", "-q", "30", "-j", "1"]
    coding += ["--manifest", str(log)]
    assert run(coding) == 0
    assert stored(bucket, "pictures/out") == expected
    records = {Path(r["output"]).name: r for r in map(json.loads, log.read_text().splitlines())}
    record = records["a.lic"]
    assert record["source"] == "s3://pictures/in/a.png"
    assert record["source_etag"] == bucket.info("pictures/in/a.png")["ETag"].strip('"')
    assert record["output_etag"] == bucket.info("pictures/out/a.lic")["ETag"].strip('"')
    assert record["source_bytes"] == (source / "a.png").stat().st_size
    assert record["source_mtime_ns"] > 1.7e18

    # From there to here: pictures, the same as from files here.
    back, same = folder / "back", folder / "same"
    assert run(["batch", "--decode", "s3://pictures/out", str(back), "-j", "1"]) == 0
    assert run(["batch", "--decode", str(local), "s3://pictures/back", "-j", "1"]) == 0
    assert run(["batch", "--decode", str(local), str(same), "-j", "1"]) == 0
    assert contents(back) == contents(same) == stored(bucket, "pictures/back")


@pytest.mark.usefixtures("tiny_model")
def test_s3_resumes(
    folder: Path, bucket: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(str(folder / "in"), "pictures/in", recursive=True)
    log = folder / "log.ndjson"
    plain = ["batch", "s3://pictures/in", "s3://pictures/out", "-q", "30", "-j", "1"]
    recorded = [*plain, "--manifest", str(log)]
    assert run(recorded) == 0
    assert run(plain) == 9
    with monkeypatch.context() as patch:  # the manifest knows all of them by their version

        def refuse(self: Url) -> None:
            raise AssertionError(f"{self} was read")

        patch.setattr(Url, "open", refuse)
        assert run(recorded) == 9
    capsys.readouterr()
    assert run([*plain[:3], "-q", "31", "-j", "1", "--manifest", str(log)]) == 1
    assert "made with quality 30, not 31" in capsys.readouterr().err

    data = bucket.cat_file("pictures/out/c.lic")
    bucket.pipe_file("pictures/out/c.lic", data[:-1])
    Image.fromarray(picture(40, 40, 9)).save(folder / "new.png")
    bucket.put_file(str(folder / "new.png"), "pictures/in/a.png")
    assert run([*recorded, "--dry-run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" (")[2] for line in shown] == ["its source has changed)", "damaged)"]
    assert run(recorded) == 0
    assert bucket.cat_file("pictures/out/c.lic") == data
    assert bucket.cat_file("pictures/out/a.lic") == lcodec.encode(folder / "new.png", 30)


@pytest.mark.usefixtures("tiny_model")
def test_list_of_urls(folder: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put(str(folder / "in"), "pictures/in", recursive=True)
    urls = [Url("s3", "pictures/in/a.png"), Url("s3", "pictures/in/deep/b.png")]
    plan = plan_list(urls, folder / "out")
    assert [job.output for job in plan.jobs] == [
        folder / "out" / "a.lic",
        folder / "out" / "deep" / "b.lic",
    ]
    outside = plan_list(urls, folder / "out", base=Url("s3", "pictures/in/deep"))
    assert [job.output.name for job in outside.jobs] == ["b.lic"]
    assert "is not below" in (outside.problems[0].error or "")
    with pytest.raises(UsageError, match="several stores"):
        plan_list([urls[0], Url("gs", "b/a.png")], folder)
    with pytest.raises(UsageError, match="paths and URLs"):
        plan_list([urls[0], Path("a.png")], folder)
    both = plan_list(urls[:1], Url("s3", "pictures/in"), output=".png")
    assert "is both an input and an output" in (both.problems[0].error or "")


@pytest.mark.usefixtures("tiny_model")
def test_several_urls_as_sources(folder: Path, bucket: Any, capsys: Capture) -> None:
    bucket.put(str(folder / "in"), "pictures/in", recursive=True)
    bucket.put_file(str(folder / "in" / "c.jpg"), "pictures/plain")
    tail = ["-q", "30", "-j", "1", "--quiet"]
    single = ["batch", "s3://pictures/in/deep/b.png", str(folder / "one"), *tail]
    assert run(single) == 0
    assert sorted(contents(folder / "one")) == ["b.lic"]
    several = ["s3://pictures/in/a.png", "s3://pictures/in/deep", "s3://pictures/plain"]
    assert run(["batch", *several, str(folder / "out"), *tail]) == 0
    assert sorted(contents(folder / "out")) == ["in/a.lic", "in/deep/b.lic", "plain.lic"]
    based = ["batch", *several[:2], "-o", str(folder / "based"), "--base", "s3://pictures/in/"]
    assert run([*based, *tail]) == 0
    assert sorted(contents(folder / "based")) == ["a.lic", "deep/b.lic"]
    assert run(["batch", several[0], "s3://pictures/in/none.png", str(folder / "o"), *tail]) == 3
    assert "s3://pictures/in/none.png: no such file or folder" in capsys.readouterr().err
    assert run(["batch", several[0], str(folder / "in"), str(folder / "o"), *tail]) == 2
    assert "mixes paths and URLs" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_model")
def test_damaged_source_whose_output_is_there(folder: Path, bucket: Any, capsys: Capture) -> None:
    data = lcodec.encode(folder / "in" / "a.png", 30)
    bucket.pipe_file("pictures/in/a.lic", data)
    decoding = ["batch", "--decode", "s3://pictures/in", str(folder / "out"), "-j", "1", "-f"]
    assert run(decoding) == 0
    bucket.pipe_file("pictures/in/a.lic", data[:-1])
    assert run(decoding[:-1]) == 1
    assert "s3://pictures/in/a.lic: " in capsys.readouterr().err.splitlines()[-2]


@pytest.mark.usefixtures("tiny_model")
def test_web_server_as_source(folder: Path, capsys: Capture) -> None:
    handler = partial(Quiet, directory=str(folder))
    log = str(folder / "log.ndjson")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{web.server_port}/in"
        coding = ["batch", source, str(folder / "out"), "-q", "30", "-j", "1", "--manifest", log]
        assert run(coding) == 0
        assert run(coding) == 9
        assert run(["batch", f"{source}/none", str(folder / "out")]) == 3
        files = [f"{source}/a.png", f"{source}/c.jpg", str(folder / "files")]
        assert run(["batch", *files, "-q", "30", "-j", "1"]) == 0
        web.shutdown()
    assert sorted(contents(folder / "out")) == ["a.lic", "c.lic", "deep/b.lic"]
    expected = lcodec.encode(folder / "in" / "deep" / "b.png", 30)
    assert (folder / "out" / "deep" / "b.lic").read_bytes() == expected
    assert sorted(contents(folder / "files")) == ["a.lic", "c.lic"]


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of requests."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_stamps_are_compared_by_what_both_tell() -> None:
    assert not Stamp(1, 2).differs(Stamp(1, 2))
    assert Stamp(1, 2).differs(Stamp(1, 3))
    assert Stamp(1, 2).differs(Stamp(2, 2))
    assert not Stamp(1, 2, "a").differs(Stamp(1, 3, "a"))
    assert Stamp(1, 2, "a").differs(Stamp(1, 2, "b"))
    assert not Stamp(None, None).differs(Stamp(1, 2, "a"))


def test_names_that_lead_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a.png", "../b.png", "deep/../../c.png", "deep/d.jxl", ".e.jxl", "x/old.lic")
    found = {name: State(1, 1) for name in names}
    monkeypatch.setattr(Url, "find", lambda self: found)
    plan = plan_tree(Url("s3", "pictures/in"), tmp_path / "out", inputs={".png"})
    assert [job.output for job in plan.jobs] == [tmp_path / "out" / "a.lic"]
    assert plan.left_out == (Url("s3", "pictures/in/deep/d.jxl"),)
    below = plan_tree(Url("s3", "pictures/in"), Url("s3", "pictures/in/deep"), inputs={".png"})
    assert below.left_out == ()
    assert len(plan.problems) == 2
    assert all("leads out of its folder" in (one.error or "") for one in plan.problems)


def test_names_that_are_no_paths_of_files(tmp_path: Path, bucket: Any) -> None:
    """S3 takes them for what they are: none stands for another, and each is told of."""
    odd = ("pictures/in//a.png", "pictures/in/x//b.png", "pictures/in/./c.png")
    for name in ("pictures/in/a.png", *odd):
        bucket.pipe_file(name, name.encode())
    plan = plan_tree(Url("s3", "pictures/in"), tmp_path, inputs={".png"})
    assert [job.output for job in plan.jobs] == [tmp_path / "a.lic"]
    source = plan.jobs[0].source
    assert isinstance(source, Url)
    assert read(source) == b"pictures/in/a.png"
    assert plan.states[source].st_size == len("pictures/in/a.png")
    words = "has an empty part in its path, or a dot, which no output can have"
    assert {one.error for one in plan.problems} == {f"s3://{name}: {words}" for name in odd}


def test_names_that_lead_elsewhere_on_windows() -> None:
    for name in ("x\\..\\..\\a.png", "C:/a.png", "a.png:b.png", "\\\\host\\share\\a.png"):
        assert fault_of(name, windows=True) is not None
        assert fault_of(name, windows=False) is None
    assert fault_of("x/a b.png", windows=True) is None


@pytest.mark.usefixtures("tiny_model")
def test_archive_as_source(folder: Path, capsys: Capture) -> None:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "in" / "a.png", "photos/a.png")
        archive.write(folder / "in" / "c.jpg", "photos/deep/c.jpg")
    source = f"zip://photos::{path}"
    assert run(["batch", source, str(folder / "out"), "-q", "30", "-j", "1"]) == 0
    assert sorted(contents(folder / "out")) == ["a.lic", "deep/c.lic"]
    expected = lcodec.encode(folder / "in" / "c.jpg", 30)
    assert (folder / "out" / "deep" / "c.lic").read_bytes() == expected
    assert run(["batch", str(folder / "in"), f"zip://out::{path}"]) == 8
    assert "zip:// is read-only" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny_model")
def test_memory_is_of_one_process(folder: Path, capsys: Capture) -> None:
    source = str(folder / "in")
    assert run(["batch", source, "memory://out", "-j", "2"]) == 2
    assert "only in this process" in capsys.readouterr().err
    assert run(["batch", source, "memory://out", "-q", "30"]) == 0
    store = fsspec.filesystem("memory")
    assert sorted(stored(store, "/out")) == ["a.lic", "c.lic", "deep/b.lic"]
    assert run(["batch", f"file://{source}", "memory://out", "-q", "30"]) == 9
    store.rm("/out", recursive=True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nostore://x", "out"], 2, "nostore://x: Protocol not known: nostore"),
        (["in", "s3://pictures/x", "-p"], 2, "`--preserve`"),
        (["in", "https://host/x"], 8, "https:// is read-only"),
        (["in", "out", "--address", "auto"], 2, "need `--engine ray`"),
        (["in", "out", "--actor-cpus", "2"], 2, "need `--engine ray`"),
        (["in", "out", "--engine", "spark"], 2, "--engine"),
        (["in", "out-{0..3}.tar"], 2, "shards can only be made from shards"),
        (["in", "a.tar", "out"], 2, "shards and other sources cannot be mixed"),
        (["a.tar", "out", "--base", "in"], 2, "`--base` is for files"),
        (["in", "out", "--engine", "ray", "--threads", "2"], 2, "`--threads`"),
        (
            ["in", "out", "--engine", "ray", "--actor-cpus", "nan"],
            2,
            "not a number of 0.01 or more",
        ),
    ],
)
@pytest.mark.usefixtures("tiny_model")
def test_mistakes(
    arguments: list[str],
    status: int,
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(folder)
    assert run(["batch", *arguments]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert not (folder / "out").exists()


def test_store_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ImportError("Install gcsfs to access Google Storage")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(UsageError, match=r"Install gcsfs.*pip install 'lcodec\[remote\]'"):
        plan_tree(Url("gs", "bucket"), tmp_path, inputs={".png"})
