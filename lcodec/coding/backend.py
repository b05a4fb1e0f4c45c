"""The only module that uses constriction; it works around the library's pitfalls.

- A model is exact only when given float64 weights freq * 256 - 1 with `perfect=False`: they sum to
  2^24 - n, so constriction's fixed-point scale is exactly 1 and every width is exactly freq * 256.
  float32 weights can leave the last symbol without any width.
- Symbols must be one-dimensional int32 arrays; callers see to that.
- A damaged stream shows as an AssertionError or KeyError, and a panic in its native code as a
  BaseException of a class of its own; `damage_is_format_error` turns all of them into FormatError.
- Its words are in the machine's byte order; ours are little-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import constriction  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from lcodec.errors import FormatError

Model: TypeAlias = Any  # constriction ships no type information


def categorical(frequencies: NDArray[np.uint16]) -> Model:
    """A model over 0..n-1 with probabilities of exactly frequencies (n,) / 2^16, summing to 1."""
    weights = frequencies.astype(np.float64) * 256 - 1
    return constriction.stream.model.Categorical(weights, perfect=False)


def uniform(size: int) -> Model:
    """A model over 0..size-1, all equally likely; exact for powers of two, 2 <= size <= 2^24."""
    return constriction.stream.model.Uniform(size)


@contextmanager
def damage_is_format_error() -> Iterator[None]:
    """Turn every error by which constriction reports a damaged stream into FormatError."""
    try:
        yield
    except (AssertionError, KeyError) as error:
        raise FormatError("a coded stream is damaged") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise FormatError("a coded stream is damaged") from error


class WordEncoder:
    """Range encoder writing 32-bit words."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def run(self, codes: NDArray[np.int32], model: Model) -> None:
        """Encode codes (n,), all with one model."""
        self._coder.encode(codes, model)

    def value(self, code: int, model: Model) -> None:
        """Encode one code."""
        self._coder.encode(code, model)

    def word_count(self) -> int:
        """Length of the stream if it ended here, in words."""
        return int(self._coder.num_words())

    def to_bytes(self) -> bytes:
        """The stream so far, closed, as little-endian words. Encoding can continue afterwards."""
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return words.astype("<u4").tobytes()


class WordDecoder:
    """Range decoder reading 32-bit words. Missing words read as zeros, without an error."""

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def run(self, count: int, model: Model) -> NDArray[np.int32]:
        """Decode `count` codes, all with one model."""
        codes: NDArray[np.int32] = self._coder.decode(model, count)
        return codes

    def value(self, model: Model) -> int:
        """Decode one code."""
        return int(self._coder.decode(model))

    def maybe_exhausted(self) -> bool:
        """False only if there are certainly words left."""
        return bool(self._coder.maybe_exhausted())
