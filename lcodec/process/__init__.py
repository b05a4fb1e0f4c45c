"""What a process shares: its files, cores, memory, clock, and what goes wrong at its edges."""
