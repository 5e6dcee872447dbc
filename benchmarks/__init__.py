"""Every speed this project claims, as a command: `python -m benchmarks`, or `make bench`."""
