"""Encodes, forks, and encodes in the children; prints how that went.

python -m tests.processes.forking
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import lcodec
from lcodec.integer.carriers import exact_products, full_float32
from lcodec.library.shared import forget_codecs, shared_codec
from lcodec.picture.limit import no_pillow_limit
from tests.tinymodel import picture

PIXELS = picture(256, 320)
LIMIT = Image.MAX_IMAGE_PIXELS


def encode() -> bytes:
    return lcodec.encode(PIXELS, 50, device="cpu")


def forked() -> bytes:
    """What a child of os.fork encodes and decodes."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            data = encode()
            lcodec.decode(data, device="cpu")
            # None of these may wait for a thread that is not there, or stay as it has left them.
            with shared_codec(device="cpu").stages.refiner._making:
                forget_codecs()
            lcodec.encode(Image.fromarray(PIXELS), 50, device="cpu")
            with exact_products(), no_pillow_limit():
                pass
            assert Image.MAX_IMAGE_PIXELS == LIMIT
            os.write(sender, data)
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    return data


def forked_beside_a_thread() -> bytes:
    """The same while another thread is in the midst of everything that has a lock."""
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        from lcodec.integer import carriers
        from lcodec.library import shared
        from lcodec.picture import convert, limit

        with ExitStack() as stack:
            stack.enter_context(full_float32())
            stack.enter_context(no_pillow_limit())
            refiner = shared_codec(device="cpu").stages.refiner
            locks = (shared._keeping, carriers._lock, limit._lock, refiner._making)
            for lock in (*locks, *convert._LOCKS):
                stack.enter_context(lock)
            inside.set()
            done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    try:
        return forked()
    finally:
        done.set()
        thread.join()


class Pictures(Dataset[Any]):
    """What a training of something else would read from."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return np.frombuffer(encode(), np.uint8).copy()


def pooled(_: int) -> bytes:
    return encode()


def main() -> None:
    torch.set_num_threads(2)
    shared_codec(device="cpu")
    expected = encode()
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        results = {
            "fork": forked(),
            "thread": forked_beside_a_thread(),
            "pool": pool.map(pooled, [0])[0],
        }
    loader = DataLoader(Pictures(), num_workers=1, multiprocessing_context="fork")
    results["loader"] = bytes(next(iter(loader))[0].numpy())
    for name, data in results.items():
        print(name, data == expected)
    print("parent", torch.get_num_threads(), encode() == expected)


if __name__ == "__main__":
    main()
