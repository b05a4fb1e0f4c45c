"""The command ``lcodec``: a thin skin over the library, one module a command.

Modules here import nothing heavy at the top, so that help and errors come at once.
"""
