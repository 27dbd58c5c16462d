"""A socket for tests of what is asked of the kernel."""

import errno


class OptionSocket:
    """A socket that records its options, and has none of those that are `unknown`."""

    def __init__(self, *unknown: int) -> None:
        self.options: list[tuple[int, int, int]] = []
        self._unknown = unknown

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if option in self._unknown:
            raise OSError(errno.EPERM, "not permitted")
        self.options.append((level, option, value))
