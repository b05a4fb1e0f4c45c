"""``python -m lcodec``: the same as the command ``lcodec``."""

from lcodec.cli.main import main

if __name__ == "__main__":
    main()
