"""Sources and outputs in stores: S3 from a real server, archives, memory, stores that rename."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from moto.server import ThreadedMotoServer
from PIL import Image

import lcodec
from lcodec.batch.location import parse_location, tidy
from lcodec.batch.plan import plan_list, plan_tree
from lcodec.batch.report import Stamp
from lcodec.batch.url import State, Url
from lcodec.cli.main import run
from lcodec.errors import InputError, OutputError, UsageError
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of S3 on the loopback address, with a bucket named pictures; its address."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("pictures")
        yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str) -> Any:
    """The store, empty but for its bucket."""
    store = fsspec.filesystem("s3", use_listings_cache=False)
    for name in store.find("pictures"):
        store.rm_file(name)
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in ``in``, one of them in a folder of its own."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(picture(40, 40)).save(tmp_path / "in" / "a.png")
    Image.fromarray(picture(40, 40, 1)).save(tmp_path / "in" / "deep" / "b.png")
    Image.fromarray(picture(30, 50, 2)[..., 0]).save(tmp_path / "in" / "c.jpg")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stored(store: Any, folder: str) -> dict[str, bytes]:
    return {
        name.removeprefix(folder.rstrip("/") + "/"): store.cat_file(name)
        for name in store.find(folder)
    }


def read(output: Url) -> bytes:
    with output.open() as stream:
        return stream.read()


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


def test_s3_outputs_appear_whole_and_are_not_replaced(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    output = Url("s3", "pictures/a.lic")
    with pytest.raises(KeyboardInterrupt), output.write(overwrite=False) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert not output.exists()
    with output.write(overwrite=False) as stream:
        stream.write(b"one")
    assert read(output) == b"one"
    # Another program comes between the question and the answer: the store itself refuses.
    monkeypatch.setattr(type(bucket), "exists", lambda *_, **__: False)
    with (
        pytest.raises(OutputError, match=r"a\.lic: exists already"),
        output.write(overwrite=False) as stream,
    ):
        stream.write(b"two")
    assert read(output) == b"one"
    with output.write(overwrite=True) as stream:
        stream.write(b"three")
    assert read(output) == b"three"
    assert list(tmp_path.iterdir()) == []


def test_bucket_that_is_not_there(
    server: str, tmp_path: Path, tiny_model: Path, capsys: Capture
) -> None:
    assert run(["batch", "s3://none/in", str(tmp_path / "out")]) == 3
    assert run(["batch", "s3://pictures/none", str(tmp_path / "out")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1] == "lcodec: s3://pictures/none: no such file or folder"


class Renaming(LocalFileSystem):  # type: ignore[misc]
    """A store of files below a folder, in which uploads grow and files are renamed."""

    protocol = "renaming"
    uploaded: tuple[str, ...] = ()

    @classmethod
    def _strip_protocol(cls, path: str) -> Any:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("renaming://"))

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        type(self).uploaded += (rpath,)
        Path(rpath).write_bytes(b"half")
        if b"fails" in Path(lpath).read_bytes():
            raise RuntimeError("connection\nlost")
        Path(rpath).write_bytes(Path(lpath).read_bytes())


def test_store_that_renames(tmp_path: Path) -> None:
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    output = Url("renaming", f"{tmp_path}/deep/a.lic")
    with output.write(overwrite=False) as stream:
        stream.write(b"all")
    assert read(output) == b"all"
    assert not any(name.endswith("a.lic") for name in Renaming.uploaded)
    with (
        pytest.raises(OutputError, match="cannot be written: RuntimeError: connection lost"),
        output.write(overwrite=True) as stream,
    ):
        stream.write(b"fails")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.lic"]
    assert read(output) == b"all"
    assert Stamp.of(output).source_mtime_ns is not None
    with pytest.raises(InputError, match="no such file"):
        Stamp.of(Url("renaming", f"{tmp_path}/none"))
    with pytest.raises(InputError, match="is a folder"):
        Stamp.of(Url("renaming", str(tmp_path)))


def test_only_what_ended_processes_left_in_a_store_is_deleted(
    tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    names = (".lcodec-abc-01.tmp", ".lcodec-abc-02.tmp", ".lcodec-def-01.tmp", ".lcodec-01.tmp")
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "out" / name).touch()
        os.utime(tmp_path / "out" / name, (1, 1))
        bucket.pipe_file(f"pictures/out/{name}", b"half")
    outputs = [Url("renaming", f"{tmp_path}/out/{name}") for name in ("a.lic", "b.lic")]
    stored_there = fsspec.filesystem("renaming").glob(f"{tmp_path}/**/.lcodec-*.tmp")
    assert sorted(map(os.path.basename, stored_there)) == sorted(names)  # as in docs/scale.md
    assert tidy(outputs) == 0  # nothing tells whether they are still written to
    assert tidy(outputs, {""}) == 0
    assert tidy([*outputs, Url("renaming", f"{tmp_path}/new/a.lic")], {"abc", "123"}) == 2
    assert sorted(contents(tmp_path / "out")) == sorted(names[2:])
    assert tidy([Url("s3", "pictures/out/a.lic")], {"abc"}) == 0  # not made by a batch


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
    found = {PurePosixPath(name): State(1, 1) for name in names}
    monkeypatch.setattr(Url, "find", lambda self: found)
    plan = plan_tree(Url("s3", "pictures/in"), tmp_path / "out", inputs={".png"})
    assert [job.output for job in plan.jobs] == [tmp_path / "out" / "a.lic"]
    assert plan.left_out == (Url("s3", "pictures/in/deep/d.jxl"),)
    below = plan_tree(Url("s3", "pictures/in"), Url("s3", "pictures/in/deep"), inputs={".png"})
    assert below.left_out == ()
    assert len(plan.problems) == 2
    assert all("leads out of its folder" in (one.error or "") for one in plan.problems)


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
