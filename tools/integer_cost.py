"""The cost of integers in the parse path: bits of the float twin against bits of the integers.

    python tools/integer_cost.py RUN PICTURES... [--quality 5,50,95]

Both code the same latents, those of real files without lossless layers. The float twin is the
network of RUN without any quantisation; the integers are those of its export.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from lcodec import container
from lcodec.integer.likelihood import logistic_bits
from lcodec.library.codec import Codec
from lcodec.picture import load
from lcodec.pipeline.areas import padded_tile, tile_areas
from lcodec.training.export import TRANSFORMS_NAME, load_run, write_model
from lcodec.twin.codec import TwinCodec
from lcodec.weights.lock import lock_model

NAME = "measured"


def export(model: TwinCodec) -> Codec:
    """The codec of the export of a run as it was trained, without a scale."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        write_model(model, models, NAME, TRANSFORMS_NAME)
        for name in (NAME, TRANSFORMS_NAME):
            lock_model(models, name)
        os.environ["LCODEC_MODELS"] = str(models)
        return Codec(NAME, device="cpu", layers=False)


@torch.no_grad()
def float_bits(model: TwinCodec, codec: Codec, data: bytes) -> float:
    """Bits of the symbols of a file according to the unquantised network."""
    header, symbols = container.read(data).header, codec.decode_symbols(data)
    quality = torch.tensor([codec.loaded.config.trained_quality(header.quality)])
    total = 0.0
    for area in tile_areas(header):
        y = padded_tile(symbols.y, area, torch.device("cpu"))[None].float()
        z = torch.from_numpy(symbols.z[area.number])[None].float()
        coded = ..., slice(area.extent.h), slice(area.extent.w)
        mean, deviation = model.predict(y, z, quality)
        total += float(logistic_bits(y[coded], mean[coded], deviation[coded]).sum())
        total += float(model.prior.bits(z, quality).sum())
    return total


def main(words: Sequence[str] | None = None) -> None:
    """Print bits by quality, and the total difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--quality", default="5,50,95")
    arguments = parser.parse_args(words)
    model = load_run(arguments.run)
    model.kit.rounding.enabled = False
    codec = export(model)
    for quality in (int(q) for q in arguments.quality.split(",")):
        floats = integers = 0.0
        for path in arguments.pictures:
            encoded = codec.encode_detailed(load(path).pixels, quality)
            floats += float_bits(model, codec, encoded.data)
            integers += encoded.estimated_bits_y + encoded.estimated_bits_z
        cost = 100 * (integers / floats - 1)
        print(f"q {quality}: float {floats:.0f} bits, integers {integers:.0f}, {cost:+.2f} %")


if __name__ == "__main__":
    main()
