"""Folders of small pictures, and a store of S3."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from PIL import Image

from lcodec.batch.location import Location
from lcodec.batch.plan import Plan, plan_tree
from lcodec.batch.url import Url
from lcodec.picture import READ_SUFFIXES

MakeBatch = Callable[..., Plan]


def here(location: Location) -> Path:
    """A location that has to be one of this machine."""
    assert isinstance(location, Path)
    return location


@pytest.fixture
def make_batch(tmp_path: Path) -> MakeBatch:
    """Makes gray pictures of 12x8 below ``in``; gives the plan to encode them to ``out``."""

    def make(*names: str) -> Plan:
        for level, name in enumerate(names):
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (12, 8), 10 + level).save(path)
        return plan_tree(tmp_path / "in", tmp_path / "out", inputs=READ_SUFFIXES)

    return make


@pytest.fixture(scope="package")
def server() -> Iterator[str]:
    """A server of S3 on the loopback address, with a bucket named pictures; its address."""
    from moto.server import ThreadedMotoServer

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
        # fsspec keeps stores, and these the address of the server that was there before.
        kept = fsspec.get_filesystem_class("s3")
        kept.clear_instance_cache()
        fsspec.filesystem("s3").makedirs("pictures", exist_ok=True)  # servers share what they hold
        yield f"http://{host}:{port}"
        kept.clear_instance_cache()
    running.stop()


@pytest.fixture
def bucket(server: str) -> Any:
    """The store, empty but for its bucket."""
    store = fsspec.filesystem("s3", use_listings_cache=False)
    for name in store.find("pictures"):
        store.rm_file(name)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read(output: Url) -> bytes:
    with output.open() as stream:
        return stream.read()
