"""A process that starts one codec, codes a picture with it and reports how long that took.

Started by `benchmarks.peers`, which measures the start-up time. Prints "ready", then JSON.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import peak_bytes

Pixels = NDArray[np.uint8]


class Coder(NamedTuple):
    """A loaded codec: functions from pixels to a file and back; a file can be any object."""

    encode: Callable[[Pixels], Any]
    decode: Callable[[Any], Any]


def lcodec(model: str) -> Coder:
    """A released model as in the program, at quality 75 for the visual tune, 50 for the other."""
    from lcodec.process.startup import own_process

    own_process()
    from lcodec.library.codec import Codec

    codec = Codec(model)
    return Coder(codec.encode, codec.decode)


def compressai(name: str) -> Coder:
    """A network of CompressAI's zoo, with random weights."""
    import torch
    import torch.nn.functional as F
    from compressai.zoo import image_models

    torch.manual_seed(1)
    network = image_models[name](quality=4, metric="mse", pretrained=False).eval()
    network.update(force=True)

    def encode(pixels: Pixels) -> Any:
        picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        below, right = (-side % 64 for side in pixels.shape[:2])
        with torch.inference_mode():
            return network.compress(F.pad(picture, (0, right, 0, below), mode="replicate"))

    def decode(file: Any) -> Any:
        with torch.inference_mode():
            return network.decompress(file["strings"], file["shape"])

    return Coder(encode, decode)


def pillow(kind: str, **options: Any) -> Coder:
    """A codec of Pillow."""
    from PIL import Image

    def encode(pixels: Pixels) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind, **options)
        return stream.getvalue()

    def decode(data: bytes) -> Any:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)

    return Coder(encode, decode)


def jpeg_xl(effort: int, threads: int) -> Coder:
    """JPEG XL of imagecodecs at distance 1.5."""
    import imagecodecs

    return Coder(
        lambda pixels: imagecodecs.jpegxl_encode(
            pixels, distance=1.5, effort=effort, numthreads=threads
        ),
        lambda data: imagecodecs.jpegxl_decode(data, numthreads=threads),
    )


def open_codec(name: str, threads: int) -> Coder:
    """The codec called ``name``, see `benchmarks.peers.CODECS`."""
    kind, _, own = name.partition(":")
    match kind:
        case "lcodec":
            return lcodec(own)
        case "compressai":
            return compressai(own)
        case "avif":
            speed = int(own)
            options = {"speed": speed, "subsampling": "4:4:4", "max_threads": threads}
            return pillow("AVIF", quality=70, **options)
        case "webp":
            return pillow("WEBP", quality=80, method=6)
        case "jpeg":
            return pillow("JPEG", quality=85, optimize=True, progressive=True)
        case "jxl":
            return jpeg_xl(int(own), threads)
    raise SystemExit(f"unknown codec: {name}")


def main() -> None:
    """Arguments: name, file of pixels, threads, rounds."""
    name, picture, threads, rounds = sys.argv[1:]
    pixels = np.load(Path(picture))
    coder = open_codec(name, int(threads))
    print("ready", flush=True)
    times: dict[str, list[float]] = {"encode": [], "decode": []}
    for _ in range(1 + int(rounds)):
        start = time.perf_counter()
        file = coder.encode(pixels)
        middle = time.perf_counter()
        coder.decode(file)
        times["encode"].append(middle - start)
        times["decode"].append(time.perf_counter() - middle)
    figures: dict[str, float] = {"peak": peak_bytes()}
    for what, values in times.items():
        figures[f"first {what}"] = values[0]
        figures[what] = statistics.median(values[1:])
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
