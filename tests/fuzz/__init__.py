"""Fuzzing of everything that reads a file: `make fuzz`, and a little of it in every test run."""
