"""Speed measurements: stages, against another commit, several processes at once, other codecs."""
