"""Random bytes that are the same in every run."""


class RandomBytes:
    """Reproducible bytes that never repeat."""

    def __init__(self, start: int = 0) -> None:
        self.count = start

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(4, "little").ljust(size, b"\xa5")[:size]
