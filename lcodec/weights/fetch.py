"""Fetch models from an address, with pooch.

The address is that of a repository's raw files: the models of a commit lie below
``ADDRESS/COMMIT/models/``, as the usual forges serve them. An address that ends in ``.whl`` is that
of a wheel. Broken connections are retried; proxies and certificates are those of the environment,
as for pip.
"""

from __future__ import annotations

import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from lcodec.errors import WeightsError, reason_of
from lcodec.process.failures import unwritten
from lcodec.weights.catalogue import Released
from lcodec.weights.lock import LockedFile
from lcodec.weights.sources import Moved, Source, WheelSource

RETRIES = 2
TIMEOUT = 30
"""Seconds without any data."""
WHEEL_LIMIT = 1 << 30
_BLOCK = 1 << 16


class AddressSource(Source):
    """An http(s) address; see the module docstring.

    Raises:
        WeightsError: pooch is not installed.
    """

    def __init__(self, address: str) -> None:
        self.name = address
        self._wheel: WheelSource | None = None
        self._kept = ExitStack()
        try:
            import pooch
        except ImportError as error:
            raise WeightsError(
                f"{address}: fetching needs `pip install 'lcodec[fetch]'`"
            ) from error
        pooch.get_logger().setLevel(logging.ERROR)

    @property
    def is_wheel(self) -> bool:
        """Whether the address is that of a wheel."""
        return self.name.lower().endswith(".whl")

    def ids(self) -> list[str]:
        if self.is_wheel:
            return self._fetched_wheel(lambda _: None).ids()
        raise WeightsError(f"{self.name}: name the model to fetch by its id: `--model ID`")

    def save(self, released: Released, file: LockedFile, target: Path, moved: Moved) -> None:
        if self.is_wheel:
            self._fetched_wheel(moved).save(released, file, target, lambda _: None)
            return
        if released.commit is None:
            raise WeightsError(f"{released.model_id}: not committed yet, so it has no address")
        address = f"{self.name.rstrip('/')}/{released.commit}/{file.path}"
        _fetch(address, target, f"sha256:{file.sha256}", file.size, moved)

    def _fetched_wheel(self, moved: Moved) -> WheelSource:
        if self._wheel is None:
            folder = tempfile.TemporaryDirectory(prefix="lcodec-", ignore_cleanup_errors=True)
            path = Path(self._kept.enter_context(folder)) / "fetched.whl"
            # It has no known hash: what is taken from it is compared with the catalogue.
            _fetch(self.name, path, None, WHEEL_LIMIT, moved)
            self._wheel = WheelSource(path)
            self._wheel.name = self.name
            self._kept.callback(self._wheel.close)
        return self._wheel

    def close(self) -> None:
        self._kept.close()


def _fetch(address: str, target: Path, known_hash: str | None, limit: int, moved: Moved) -> None:
    """Write what is at ``address`` to ``target``, if it has the hash.

    Raises:
        WeightsError: it cannot be fetched, is larger than ``limit`` or has another hash.
        OutputError: ``target`` cannot be written.
    """
    import pooch
    from requests.exceptions import HTTPError, RequestException

    fetcher = pooch.create(
        target.parent,
        "",
        registry={target.name: known_hash},
        urls={target.name: address},
        retry_if_failed=RETRIES,
    )

    def download(url: str, output: str, owner: Any) -> None:
        with open(output, "wb") as stream:
            bounded = _Bounded(stream, limit, moved, address)
            try:
                pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=_BLOCK)(url, bounded, owner)
            except HTTPError as error:
                if error.response is not None and error.response.status_code < 500:
                    raise WeightsError(f"{address}: {_reason(error)}") from error
                raise  # the server may recover

    try:
        fetcher.fetch(target.name, downloader=download)
    except RequestException as error:
        raise WeightsError(f"{address}: cannot be fetched: {_reason(error)}") from error
    except ValueError as error:
        raise WeightsError(f"{address}: not the file that the catalogue lists") from error
    except OSError as error:
        if error.errno is None:  # requests says so of certificates that are not there
            raise WeightsError(f"{address}: cannot be fetched: {error}") from error
        raise unwritten(str(target), error) from error


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    inner = error
    while isinstance(deeper := _inside(inner), Exception):
        inner = deeper
    return reason_of(inner).rpartition(": ")[2]


def _inside(error: BaseException) -> object:
    """The error inside ``error``: requests wraps urllib3's, which wraps the system's."""
    wrapped = (getattr(error, "reason", None), *error.args[:1], error.__cause__)
    return next((one for one in wrapped if isinstance(one, Exception)), None)


class _Bounded:
    """A stream that rejects more than ``limit`` bytes, and reports how many have come."""

    def __init__(self, stream: IO[bytes], limit: int, moved: Moved, name: str) -> None:
        self._stream, self._left, self._moved, self._name = stream, limit, moved, name

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise WeightsError(f"{self._name}: larger than it should be")
        self._moved(len(data))
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()
