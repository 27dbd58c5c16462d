"""The refusals of a storage that are more than an `OSError` of Python's own."""

import errno
from collections.abc import Callable


class PathNotFound(FileNotFoundError):  # noqa: N818  (named like the builtin it refines)
    """A folder on the way to the name is missing, or is no folder."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.ENOENT, "no such folder on the way", name)


class StoppedOnSymlink(PathNotFound):
    """A symbolic link has the name, or is on the way to it.

    `target` is what it says, relative to its folder; `rest` what comes behind it in the name, with
    the separator before it.
    """

    def __init__(self, name: str, target: str, rest: str) -> None:
        super().__init__(name)
        self.target = target
        self.rest = rest


class ScanRequired(Exception):  # noqa: N818  (no error: the reason to try again later)
    """A folder is too large to be searched at once.

    Whoever called runs `prepare` on a thread, which raises nothing, and calls again. Nothing has
    been changed so far.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        super().__init__("the folder has to be read on a thread first")
        self.prepare = prepare


class RootGone(OSError):  # noqa: N818  (named like the builtins beside it)
    """The folder that the storage stands on was deleted; `errno` is ESTALE."""

    def __init__(self, label: str) -> None:
        super().__init__(errno.ESTALE, "the folder of the share was deleted", label)


class NameInvalid(OSError):  # noqa: N818  (named like the builtins beside it)
    """A name that this share can't hold; `errno` is EINVAL."""

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(errno.EINVAL, reason, name)
