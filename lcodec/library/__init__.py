"""The library: pictures to files and back, on top of everything but the command line."""
