"""The parts that tests of local files share: the type of their openers, and an error."""

from collections.abc import Callable

from smbquic.storage.local.file import LocalFile

Make = Callable[..., LocalFile]
"""Opens a file of a name; see the fixture `opened`."""


class NotAdmittedError(Exception):
    """The error that the caller of `open` raises in `admit`."""
