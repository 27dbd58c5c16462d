"""The refusals of a storage that are more than an `OSError` of Python's own."""

import errno
from collections.abc import Awaitable, Callable


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


class NotReady(Exception):  # noqa: N818  (no error: the reason to try again later)
    """Raised by a method that cannot answer at once, because something has to be read first.

    Every method may raise it that has changed nothing so far. The caller has `prepare` done (on a
    thread, or on the event loop if that is a coroutine function), and calls the method again.
    `prepare` raises nothing; a failure is raised by that call, which does not raise this again.
    """

    def __init__(self, prepare: Callable[[], None] | Callable[[], Awaitable[None]]) -> None:
        super().__init__("this has to be prepared first")
        self.prepare = prepare


class RootGone(OSError):  # noqa: N818  (named like the builtins beside it)
    """The folder that the storage stands on was deleted; `errno` is ESTALE."""

    def __init__(self, label: str) -> None:
        super().__init__(errno.ESTALE, "the folder of the share was deleted", label)


class NameInvalid(OSError):  # noqa: N818  (named like the builtins beside it)
    """A name that this share can't hold; `errno` is EINVAL."""

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(errno.EINVAL, reason, name)
