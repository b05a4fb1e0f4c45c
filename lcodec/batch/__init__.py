"""Whole folders, lists of files and shards, encoded or decoded.

`lcodec.batch.plan` and `shards` list the outputs to make, `check` and `shardcheck` find those that
exist already; `engine` has the rest made by an executor of `pool` or `raypool`, which runs the
workers of `workers` or `shardwork`; `manifest` keeps the record. `location` and `url` represent
files; `setup` assembles all of this for the command in `lcodec.cli.batch`.
"""
