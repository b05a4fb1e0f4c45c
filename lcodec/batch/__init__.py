"""Whole folders and lists of files, encoded or decoded.

`lcodec.batch.plan` finds out what is to be made, `check` what of it is there already, `engine`
has the rest made by an executor of `pool`, in which the workers of `work` run; `manifest` keeps
the record. The command is in `lcodec.cli.batch`.
"""
