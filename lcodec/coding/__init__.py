"""Entropy coding: integer symbols to bytes and back, identically on every machine.

It knows nothing of networks or files. A symbol is coded with a mean in sixteenths of a step and
one of 64 scale levels; `tables` holds the frozen probabilities, `residual` maps symbols to table
entries, `rangecoder` codes them, `ports` joins the coder to the coding loop.
"""

from lcodec.coding.checksum import prefix_of, symbol_checksum
from lcodec.coding.ports import CutPort, DecodePort, EncodePort, SymbolPort, SymbolSink
from lcodec.coding.rangecoder import BitCounter, SymbolDecoder, SymbolEncoder, symbol_bits
from lcodec.coding.tables import scale_levels
from lcodec.integer.profile import SCALE_LEVELS, SYMBOL_LIMIT

__all__ = [
    "SCALE_LEVELS",
    "SYMBOL_LIMIT",
    "BitCounter",
    "CutPort",
    "DecodePort",
    "EncodePort",
    "SymbolDecoder",
    "SymbolEncoder",
    "SymbolPort",
    "SymbolSink",
    "prefix_of",
    "scale_levels",
    "symbol_bits",
    "symbol_checksum",
]
