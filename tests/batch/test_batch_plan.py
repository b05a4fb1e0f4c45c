"""From a folder to jobs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lcodec.batch.location import Location, parse_location
from lcodec.batch.plan import parse_list, plan_list, plan_several, plan_tree
from lcodec.batch.search import kinds
from lcodec.batch.url import Url
from lcodec.errors import InputError, OutputError, UsageError
from lcodec.picture import READ_SUFFIXES

from .conftest import here


def outputs(root: Path, *names: str) -> dict[str, str]:
    """Sources and outputs of a plan for empty files of these names."""
    source = root / "in"
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    planned = plan_tree(source, root / "out", inputs=READ_SUFFIXES)
    assert planned.problems == ()
    assert list(planned.jobs) == sorted(planned.jobs)
    pairs = [(here(job.source), here(job.output)) for job in planned.jobs]
    return {
        one.relative_to(source).as_posix(): other.relative_to(root / "out").as_posix()
        for one, other in pairs
    }


def test_tree_is_mirrored_and_only_pictures_count(tmp_path: Path) -> None:
    names = [
        "b.png",
        "a/x.JPG",
        "a/b/c.tiff",
        "notes.txt",
        "a/old.lic",
        ".hidden.png",
        ".git/d.png",
    ]
    assert outputs(tmp_path, *names) == {
        "a/b/c.tiff": "a/b/c.lic",
        "a/x.JPG": "a/x.lic",
        "b.png": "b.lic",
    }
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "expected",
    [
        {"a.png": "a.png.lic", "a.jpg": "a.jpg.lic", "b.png": "b.lic"},
        # `a.png.png` alone would become `a.png.lic`, which `a.png` needs because of `a.jpg`.
        {"a.png": "a.png.lic", "a.jpg": "a.jpg.lic", "a.png.png": "a.png.png.lic"},
        {"a.png": "a.lic", "x/a.png": "x/a.lic"},
    ],
)
def test_no_two_outputs_are_the_same(expected: dict[str, str], tmp_path: Path) -> None:
    assert outputs(tmp_path, *expected) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that differ in case alone")
def test_names_that_differ_in_case_alone_count_as_the_same(tmp_path: Path) -> None:
    expected = {"Photo.png": "Photo.png.lic", "photo.jpg": "photo.jpg.lic"}
    assert outputs(tmp_path, *expected) == expected


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert outputs(tmp_path, "a.png") == {"a.png": "a.lic"}


def test_unreadable_folder_is_a_problem_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "in" / "closed"
    closed.mkdir(parents=True)
    (tmp_path / "in" / "a.png").touch()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    planned = plan_tree(tmp_path / "in", tmp_path / "out", inputs=READ_SUFFIXES)
    assert [job.source.name for job in planned.jobs] == ["a.png"]
    assert len(planned.problems) == 1
    assert (planned.problems[0].source, planned.problems[0].code) == (closed, 3)


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        plan_tree(tmp_path / "none", tmp_path, inputs=READ_SUFFIXES)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        plan_tree(tmp_path / "file", tmp_path, inputs=READ_SUFFIXES)
    with pytest.raises(OutputError, match="is not a folder"):
        plan_tree(tmp_path, tmp_path / "file", inputs=READ_SUFFIXES)
    for name, target in (("link", "none"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(OutputError, match="is a link to a missing folder"):
            plan_tree(tmp_path, tmp_path / name, inputs=READ_SUFFIXES)


def listed(root: Path, names: list[str], base: Path | None = None) -> dict[str, str]:
    """Sources and outputs of a list of which nothing is a problem."""
    planned = plan_list([Path(name) for name in names], root / "out", base=base)
    assert planned.problems == ()
    return {
        str(job.source): here(job.output).relative_to(root / "out").as_posix()
        for job in planned.jobs
    }


def test_decoding_takes_lic_files_only(tmp_path: Path) -> None:
    for name in ("a.png.lic", "b.LIC", "c.png"):
        (tmp_path / name).touch()
    planned = plan_tree(tmp_path, tmp_path / "out", inputs={".lic"}, output=".tif")
    names = [(job.source.name, job.output.name) for job in planned.jobs]
    assert names == [("a.png.lic", "a.png.tif"), ("b.LIC", "b.tif")]


def test_relative_paths_are_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["x/a.png", "./b.dat", "x/a.png", "x/../c.png"]
    assert listed(tmp_path, names) == {
        "x/a.png": "x/a.lic",
        "b.dat": "b.lic",
        "x/../c.png": "c.lic",
    }


def test_other_paths_are_mirrored_from_their_common_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    one, two = str(tmp_path / "p" / "q" / "a.png"), str(tmp_path / "p" / "b.png")
    assert listed(tmp_path, [one, two]) == {one: "q/a.lic", two: "b.lic"}
    assert listed(tmp_path, [one]) == {one: "a.lic"}
    assert listed(tmp_path, ["../p/b.png", "c.png"]) == {
        "../p/b.png": "p/b.lic",
        "c.png": "here/c.lic",
    }


def test_base_is_the_folder_that_is_mirrored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = str(tmp_path / "p" / "q" / "a.png")
    assert listed(tmp_path, [one, "p/b.png"], base=tmp_path / "p") == {
        one: "q/a.lic",
        "p/b.png": "b.lic",
    }
    planned = plan_list([Path("c.png")], tmp_path / "out", base=Path("p"))
    assert planned.jobs == ()
    assert [(p.error, p.code) for p in planned.problems] == [("c.png: is not below p", 2)]


def test_an_output_is_never_an_input(tmp_path: Path) -> None:
    names = [tmp_path / "a.png", tmp_path / "a.lic"]
    planned = plan_list(names, tmp_path)
    # The two would meet in a.lic and so keep their suffixes.
    assert [job.output.name for job in planned.jobs] == ["a.lic.lic", "a.png.lic"]
    planned = plan_list([tmp_path / "b.lic"], tmp_path)
    assert planned.jobs == ()
    assert "is both an input and an output" in (planned.problems[0].error or "")


def test_lists() -> None:
    assert parse_list(b"a b.png\n\nc.png\r\nd.png") == [
        Path("a b.png"),
        Path("c.png"),
        Path("d.png"),
    ]
    assert parse_list(b"a\nb.png\0\0c\0", null=True) == [Path("a\nb.png"), Path("c")]
    assert os.fsencode(here(parse_list(b"\xff.png\n")[0])) == b"\xff.png"


def test_lists_of_whatever_find_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are in them, the current one first; and NULs, by an option too many."""
    monkeypatch.chdir(tmp_path)
    touched(tmp_path, "p/a.png")
    planned = plan_list(parse_list(b".\n./p\n./p/a.png\n"), tmp_path / "out")
    assert [job.source for job in planned.jobs] == [Path("p"), Path("p/a.png")]
    assert [(one.error, one.code) for one in planned.problems] == [(".: is a folder", 3)]
    for words, base in ((b"/\n", None), (b"p\n", Path("p")), (b"/\np/a.png", Path())):
        planned = plan_list(parse_list(words), tmp_path / "out", base=base)
        assert [one.code for one in planned.problems] == [3]
    planned = plan_list([Path("p/a.png")], tmp_path / "out", base=Path("p/a.png"))
    assert [one.error for one in planned.problems] == ["p/a.png: is not below p/a.png"]
    with pytest.raises(UsageError, match="NUL; `--null`"):
        parse_list(b"a.png\0b.png\0")


def urls(*names: str) -> list[Location]:
    return [parse_location(name) for name in names]


def test_urls_that_differ_in_their_query_alone(tmp_path: Path) -> None:
    """None of them goes into the place of another, nor is it left out without a word."""
    same = urls("https://h/get?id=1", "https://h/get?f=x/a.png", "https://h/b.png?v=/2")
    planned = plan_list([*same, same[0]], tmp_path)
    assert [(job.source, job.output) for job in planned.jobs] == [(same[2], tmp_path / "b.lic")]
    assert [(one.source, one.error, one.code) for one in planned.problems] == [
        (one, f"{one}: has the same path as 1 more in the list", 2) for one in same[:2]
    ]
    # Stores may hold both of these.
    planned = plan_list(urls("s3://b/x//a.png", "s3://b/x/a.png", "s3://b/x/c.png"), tmp_path)
    assert (len(planned.jobs), len(planned.problems)) == (1, 2)


def test_urls_that_name_no_file(tmp_path: Path) -> None:
    planned = plan_list(urls("s3://", "s3://b/a.png"), tmp_path)
    assert [one.error for one in planned.problems] == ["s3://: does not name a file"]
    assert len(planned.jobs) == 1
    planned = plan_list(urls("s3://b/a.png", "s3://b/c"), tmp_path, base=parse_location("s3://b/c"))
    assert [one.error for one in planned.problems] == [
        "s3://b/a.png: is not below s3://b/c",
        "s3://b/c: does not name a file",
    ]
    with pytest.raises(UsageError, match="no common folder"):
        plan_list(urls("memory:///a/b.png", "memory://a/b.png"), tmp_path)


def touched(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize("kind", ["files in a store", "folders"])
def test_the_work_of_a_plan_grows_with_its_length(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 300
    if kind == "folders":
        touched(tmp_path, *(f"{number}/a.png" for number in range(count)))
    comparisons = 0
    one = tmp_path if kind == "folders" else Url("s3", "", "")
    equal = type(one).__eq__

    def counted(self: object, other: object) -> bool:
        nonlocal comparisons
        comparisons += 1
        return equal(self, other)

    monkeypatch.setattr(type(one), "__eq__", counted)
    sources = [one / f"{number}" for number in range(count)]
    if kind == "folders":
        planned = plan_several(sources, tmp_path / "out", inputs=READ_SUFFIXES)
    else:
        planned = plan_list(sources, Url("s3", "out", ""))
    assert len(planned.jobs) == count
    assert comparisons < 40 * count  # sorting is less; each with each would be 150 for a file


def test_what_a_folder_leaves_out(tmp_path: Path) -> None:
    source = tmp_path / "in"
    wanted = ["a.jxl", "deep/b.MP4", "c", "deep/d.npy"]
    unsaid = ["old.lic", ".hidden.jxl", ".git/x.jxl", "Thumbs.db", "out/log.txt", "out/x.lic"]
    touched(source, "a.png", "e.jfif", "f.JIF", *wanted, *unsaid)
    for destination in (source / "out", source / "deep" / ".." / "out"):
        planned = plan_tree(source, destination, inputs=READ_SUFFIXES)
        assert [job.source.name for job in planned.jobs] == ["a.png", "e.jfif", "f.JIF"]
        assert set(planned.left_out) == {source / name for name in wanted}
    several = plan_several([source, source / "c"], source / "out", inputs=READ_SUFFIXES)
    assert len(several.jobs) == 4  # a file that is named is a source
    assert set(several.left_out) == {source / name for name in wanted if name != "c"}
    assert set(plan_tree(source, tmp_path / "out", inputs=READ_SUFFIXES).left_out) == {
        source / name for name in (*wanted, "out/log.txt")
    }


def test_what_is_left_out_of_decoding_in_place(tmp_path: Path) -> None:
    touched(tmp_path, "a.lic", "a.png", "b.png", "c.txt")
    planned = plan_tree(tmp_path, tmp_path, inputs={".lic"}, output=".png")
    assert set(planned.left_out) == {tmp_path / "b.png", tmp_path / "c.txt"}  # a.png is made


def test_kinds_in_words() -> None:
    names = ["b.JXL", "a.mp4", "x/c.jxl", "no", "to whom. it may concern", "ends."]
    assert kinds(map(Path, names)) == "3 without suffix, 2 .jxl, 1 .mp4"
    many = [Path(f"a.{number:02}") for number in range(12)] + [Path("b.11")]
    assert kinds(many).startswith("2 .11, 1 .00, 1 .01, ")
    assert kinds(many).endswith(", 1 .08, 2 of 2 more kinds")
