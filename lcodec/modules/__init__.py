"""Modules of torch that all networks are made of, and the sizes that these have in common."""
