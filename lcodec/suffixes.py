"""Suffixes of the files this package reads and writes, all in lower case. No imports."""

LIC = ".lic"

READ_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".mpo", ".webp", ".avif", ".tif", ".tiff"),
        *(".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".gif", ".jp2", ".j2k", ".qoi"),
    )
)
"""Pictures that `lcodec.picture.load` understands, for searching folders."""

NPY = ".npy"

ROW_SUFFIXES = frozenset((NPY, ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"))
"""Pictures that can be written by rows."""

WRITE_SUFFIXES = frozenset(
    (
        *(".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg", ".avif", ".jp2", ".j2k", ".qoi"),
        *(".ppm", ".pgm", ".pnm", ".bmp"),
    )
)
"""Pictures that `lcodec.picture.save` writes."""
