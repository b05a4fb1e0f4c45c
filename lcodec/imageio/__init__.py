"""Pictures in and out: reading any common format into 8-bit pixels, writing files atomically.

Pillow does the decoding and encoding; this package decides what is kept, says what was dropped,
and turns every failure into one clear error.
"""

from lcodec.imageio.atomic import atomic_write
from lcodec.imageio.convert import from_pil
from lcodec.imageio.picture import Picture, check_pixels
from lcodec.imageio.probe import format_of_suffix, is_whole, probe
from lcodec.imageio.reader import READ_SUFFIXES, load
from lcodec.imageio.writer import WRITE_SUFFIXES, save

__all__ = [
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Picture",
    "atomic_write",
    "check_pixels",
    "format_of_suffix",
    "from_pil",
    "is_whole",
    "load",
    "probe",
    "save",
]
