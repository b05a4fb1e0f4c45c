"""``.lic`` files in WebDataset pipelines and the workers of torch's data loaders."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from torch.utils.data import DataLoader

import lcodec
import lcodec.webdataset
from lcodec.errors import FormatError, UsageError
from tests.tinymodel import picture

pytestmark = [
    pytest.mark.usefixtures("tiny_model"),
    # webdataset leaves it to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Eight samples, each with a picture and a class."""
    path = tmp_path / "data-0.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(8):
            for suffix, data in (
                ("lic", lcodec.encode(picture(24, 32, number), 30)),
                ("cls", str(number).encode()),
            ):
                info = tarfile.TarInfo(f"{number:03}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def expected(number: int) -> Any:
    return lcodec.decode(lcodec.encode(picture(24, 32, number), 30)).pixels


def test_pipeline(shard: Path) -> None:
    data = webdataset.WebDataset(str(shard), shardshuffle=False)
    samples = list(data.decode(lcodec.webdataset.decoder("rgb8")))
    assert [sample["cls"] for sample in samples] == list(range(8))
    for number, sample in enumerate(samples):
        assert np.array_equal(sample["lic"], expected(number))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_batches_in_forked_workers(shard: Path) -> None:
    expected(0)  # here, too, a model is loaded and torch has been at work
    data = webdataset.WebDataset(str(shard), shardshuffle=False, empty_check=False)
    samples = data.decode(lcodec.webdataset.decoder("torchrgb")).to_tuple("lic", "cls")
    # One shard goes to one worker. With a limit of time, a worker that hangs is an error.
    loader = DataLoader(
        samples, batch_size=4, num_workers=1, timeout=500, multiprocessing_context="fork"
    )
    batches = list(loader)
    assert [tuple(batch[0].shape) for batch in batches] == [(4, 3, 24, 32)] * 2
    assert torch.cat([batch[1] for batch in batches]).tolist() == list(range(8))
    for number, one in enumerate(torch.cat([batch[0] for batch in batches])):
        assert np.array_equal((one.numpy() * 255).round().transpose(1, 2, 0), expected(number))


def test_forms() -> None:
    colours, levels = picture(24, 32), np.linspace(0, 65535, 24 * 32).astype(np.uint16)
    coloured = lcodec.encode(colours, 60)
    gray, deep = lcodec.encode(colours[..., 0], 60), lcodec.encode(levels.reshape(24, 32), 90)

    def decoded(form: str, data: bytes) -> Any:
        return lcodec.webdataset.decoder(form)(".mask.LIC", data)

    assert decoded("pil", coloured).mode == "RGB"
    assert decoded("pil", deep).mode == "I;16"
    assert decoded("pilrgba", gray).mode == "RGBA"
    assert decoded("decoded", deep).pixels.dtype == np.uint16
    assert decoded("l8", coloured).shape == (24, 32)
    assert decoded("rgb8", gray).shape == (24, 32, 3)
    reduced = decoded("l8", deep).astype(int)
    assert abs(reduced - decoded("decoded", deep).pixels.astype(int) / 257).max() <= 0.51
    assert decoded("torchl8", gray).shape == (1, 24, 32)
    whole, part = decoded("torchrgb8", coloured), decoded("torchrgb", coloured)
    assert whole.dtype == torch.uint8
    assert torch.equal(part, whole.float() / 255)
    assert decoded("rgb", coloured).dtype == np.float32
    for form in ("pil8", "jpeg", "", "torch", "8"):
        with pytest.raises(UsageError, match="unknown form"):
            lcodec.webdataset.decoder(form)


def test_other_members_are_left_to_other_handlers() -> None:
    decode = pickle.loads(pickle.dumps(lcodec.webdataset.decoder()))
    assert decode(".jpg", b"") is None
    with pytest.raises(FormatError):
        decode(".lic", b"nothing")
