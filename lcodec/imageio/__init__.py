"""Pictures in and out: reading and writing any common format and mode.

Pillow does the decoding and encoding; this package decides what is kept, says what was dropped,
and turns every failure into one clear error.
"""

from lcodec.imageio.convert import from_pil, to_pil
from lcodec.imageio.invisible import fill_invisible
from lcodec.imageio.metadata import Metadata
from lcodec.imageio.picture import Picture, Samples, check_pixels, from_array
from lcodec.imageio.probe import format_of_suffix, is_whole, probe
from lcodec.imageio.reader import load
from lcodec.imageio.writer import save
from lcodec.suffixes import READ_SUFFIXES, WRITE_SUFFIXES

__all__ = [
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Metadata",
    "Picture",
    "Samples",
    "check_pixels",
    "fill_invisible",
    "format_of_suffix",
    "from_array",
    "from_pil",
    "is_whole",
    "load",
    "probe",
    "save",
    "to_pil",
]
