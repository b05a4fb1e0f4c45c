"""Measures of how far a decoded picture is from its source, each written once for all uses."""
