"""How fast it is, compared in one run: ``python -m benchmarks.throughput --help``."""
