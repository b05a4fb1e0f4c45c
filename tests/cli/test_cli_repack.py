"""`lcodec repack` and `lcodec compare-models` on two small random models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from lcodec import container
from lcodec.cli.main import run
from lcodec.container import EXIF, ICC, XMP, Section
from lcodec.errors import UsageError
from lcodec.library.codec import Codec
from lcodec.library.repack import repack
from lcodec.training.export import TRANSFORMS_NAME, write_model
from lcodec.weights.lock import lock_model
from tests.cli.command import lcodec
from tests.tinymodel import picture, tiny_codec, write_tiny_model

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``groupedmixer`` and ``other`` over the same transforms, ``apart`` over its own.

    ``rescaled`` has the same weights as ``groupedmixer``, but other levels.
    """
    root = tmp_path_factory.mktemp("two")
    folder = write_tiny_model(root)
    other, apart = tiny_codec(seed=7), tiny_codec(seed=8)
    other.transforms.load_state_dict(tiny_codec().transforms.state_dict())
    with torch.no_grad():
        apart.transforms.synthesis.leave.weight += 0.1
    rescaled = tiny_codec()
    rescaled.rescale(tuple(100 * (level / 100) ** 1.2 for level in range(101)))
    for codec, name, transforms in (
        (other, "other", TRANSFORMS_NAME),
        (apart, "apart", "transforms-2"),
        (rescaled, "rescaled", "transforms-3"),
    ):
        write_model(codec, folder, name, transforms)
        lock_model(folder, name)
        lock_model(folder, transforms)
    return folder


@pytest.fixture
def at_hand(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    return models


@pytest.mark.usefixtures("at_hand")
def test_latents_and_sections_stay() -> None:
    first, other = Codec("groupedmixer", device="cpu", tile_edge=64), Codec("other", device="cpu")
    pixels = picture(70, 90)
    file = container.read(first.encode(np.dstack([pixels, pixels[..., 0]]), 80))
    kept = Section(0x9A, b"something of another program")
    data = container.write(file.header, file.tiles, [kept], file.alpha)
    moved = container.read(repack(data, first, other))
    assert moved.extra == (kept,)
    assert moved.header.model_id == other.loaded.model_id
    assert [t.checksum for t in moved.tiles] == [t.checksum for t in file.tiles]
    assert [t.latent for t in moved.tiles] != [t.latent for t in file.tiles]
    again = other.decode(container.write(moved.header, moved.tiles, (), moved.alpha))
    assert again.alpha is not None and np.array_equal(again.alpha, pixels[..., 0])
    assert np.array_equal(again.pixels, first.decode(data).pixels)
    assert repack(repack(data, first, other), other, first) == data


@pytest.mark.usefixtures("at_hand")
def test_metadata_of_older_files_becomes_smaller() -> None:
    codec = Codec("groupedmixer", device="cpu")
    file = container.read(codec.encode(picture(20, 20)))
    exif, xmp = b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x:xmpmeta>" + bytes(200) + b"</x:xmpmeta>"
    plain = [Section(ICC, PROFILE), Section(0x9A, b"other"), Section(EXIF, exif), Section(XMP, xmp)]
    old = container.write(file.header, file.tiles, plain)
    assert old[8:10] == b"\1\1"
    new = repack(old, codec, codec)
    assert new[8:10] == b"\1\2" and len(old) - len(new) > len(PROFILE) + 150
    kept = container.read(new).extra
    assert [section.type for section in kept][:2] == [container.PACKED, 0x9A]
    assert container.payloads(kept) == {section.type: section.payload for section in plain}
    assert codec.decode(new).metadata == codec.decode(old).metadata
    assert codec.decode(new).metadata.icc == PROFILE


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("name", ["apart", "rescaled"])
def test_other_transforms_are_refused(name: str) -> None:
    """The same level of another scale is another quality."""
    first, apart = Codec("groupedmixer", device="cpu"), Codec(name, device="cpu")
    with pytest.raises(UsageError, match="different transforms"):
        repack(first.encode(picture(20, 20)), first, apart)


def test_the_command(at_hand: Path, tmp_path: Path) -> None:
    before, after, back = (tmp_path / name for name in ("a.lic", "b.lic", "c.png"))
    before.write_bytes(Codec("groupedmixer", device="cpu").encode(picture(120, 130), 60))
    done = lcodec("repack", before, after, "--model", "other", "--json")
    assert done.status == 0
    record = json.loads(done.out)
    assert (record["model_before"], record["model"]) == ("groupedmixer", "other")
    assert record["bytes"] == after.stat().st_size != record["bytes_before"]
    assert run(["decode", str(after), str(back), "--quiet"]) == 0
    expected = Codec("groupedmixer", device="cpu").decode(before.read_bytes()).pixels
    assert np.array_equal(np.asarray(Image.open(back)), expected)


@pytest.mark.usefixtures("at_hand")
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.lic"
    file.write_bytes(Codec("groupedmixer", device="cpu").encode(picture(20, 20)))
    target = str(tmp_path / "b.lic")
    assert run(["repack", str(file), target, "--model", "unheard-of"]) == 6
    assert run(["repack", str(file), str(file), "--model", "other"]) == 2
    assert run(["repack", str(file), target, "--model", "apart"]) == 2
    said = capsys.readouterr().err
    assert "different transforms; possible for this file: other" in said
    file.write_bytes(Codec("apart", device="cpu").encode(picture(20, 20)))
    assert run(["repack", str(file), target, "--model", "other"]) == 2
    said = capsys.readouterr().err
    assert "no other model at hand for this file, which is of the tune psnr" in said
    file.write_bytes(Codec("groupedmixer", device="cpu").encode(picture(20, 20)))
    file.write_bytes(file.read_bytes()[:-9])
    assert run(["repack", str(file), target, "--model", "other"]) == 4
    assert not Path(target).exists()


@pytest.mark.usefixtures("at_hand")
def test_compare_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(70, 80)).save(tmp_path / "p.png")
    words = ["--set", str(tmp_path), "--models", "groupedmixer,other", "-q", "60", "--quiet"]
    table = tmp_path / "table.md"
    words += ["--json", "-", "--markdown", str(table), "--plot", str(tmp_path / "plot.svg")]
    assert run(["compare-models", *words]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["reference"] == "groupedmixer"
    assert [model["name"] for model in tree["models"]] == ["groupedmixer", "other"]
    for model in tree["models"]:
        codec = Codec(model["name"], device="cpu")
        assert model["bytes"] == len(codec.encode(picture(70, 80), 60))
        assert model["steps"] == 8
        encoded = codec.encode_detailed(picture(70, 80), 60)
        bits = encoded.estimated_bits_y + encoded.estimated_bits_z
        assert model["estimated_bits"] == pytest.approx(bits)
        assert f"| {100 * (8 * model['bytes'] / bits - 1):+.2f} % |" in table.read_text()
        assert model["uncached_seconds"] > 0
        # The heads alone have latent x width x 2 multiplications a latent position.
        assert model["mac_per_pixel"] > 2 * 32 * 32 / 256
    ratio = tree["models"][1]["bytes"] / tree["models"][0]["bytes"]
    assert f"| other | {100 * (ratio - 1):+.2f} % |" in table.read_text()
    assert (tmp_path / "plot.svg").read_bytes().startswith(b"<?xml")
    assert run(["compare-models", "--set", str(tmp_path), "--models", "other"]) == 2
    assert run(["compare-models", "--set", str(tmp_path), "--models", "other,apart"]) == 2
