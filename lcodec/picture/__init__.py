"""Reading and writing pictures of any common format and mode.

Pillow does most of the decoding and encoding, tifffile and imagecodecs what it would misread; this
package decides what is kept, reports what was dropped, and turns every failure into a clear error.
"""

from lcodec.picture.convert import from_pil, to_pil
from lcodec.picture.metadata import Metadata
from lcodec.picture.picture import Picture, Samples, check_pixels, from_array
from lcodec.picture.probe import is_whole, probe, upright_size
from lcodec.picture.reader import load
from lcodec.picture.writer import format_of_suffix, save
from lcodec.suffixes import READ_SUFFIXES, WRITE_SUFFIXES

__all__ = [
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Metadata",
    "Picture",
    "Samples",
    "check_pixels",
    "format_of_suffix",
    "from_array",
    "from_pil",
    "is_whole",
    "load",
    "probe",
    "save",
    "to_pil",
    "upright_size",
]
