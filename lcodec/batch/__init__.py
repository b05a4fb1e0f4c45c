"""Whole folders, lists of files and shards, encoded or decoded.

`lcodec.batch.plan` and `shards` find out what is to be made, `check` and `shardcheck` what of it
is there already; `engine` has the rest made by an executor of `pool` or `raypool`, in which the
workers of `workers` or `shardwork` run; `manifest` keeps the record. `location` and `url` are
where files are, `setup` puts all of it together for the command in `lcodec.cli.batch`.
"""
