"""Measurements of speed: stages, against another commit, several processes at once, peers."""
