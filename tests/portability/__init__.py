"""One file, many ways to compute: all must give the same integers."""
