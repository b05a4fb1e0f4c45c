"""Real files, damaged: every one is refused with one clear line, in bounded time and memory."""
