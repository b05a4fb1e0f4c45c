"""The command ``lcodec``: a thin layer over the library, one module per command.

Modules here import nothing heavy at the top, so that help and errors appear at once.
"""
