"""The modes of the builtin `open` as requests, and a file that is about to be opened."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from smbquic.client import requests
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition

T = TypeVar("T", bound=AbstractAsyncContextManager[Any])

TextMode = Literal[
    "r", "rt", "r+", "rt+", "r+t",
    "w", "wt", "w+", "wt+", "w+t",
    "x", "xt", "x+", "xt+", "x+t",
    "a", "at", "a+", "at+", "a+t",
]  # fmt: skip
"""Modes whose content is text, as of the builtin `open`."""
BinaryMode = Literal[
    "rb", "rb+", "r+b",
    "wb", "wb+", "w+b",
    "xb", "xb+", "x+b",
    "ab", "ab+", "a+b",
]  # fmt: skip
"""Modes whose content is bytes."""

_DISPOSITIONS = {
    "r": CreateDisposition.FILE_OPEN,
    "w": CreateDisposition.FILE_OVERWRITE_IF,
    "x": CreateDisposition.FILE_CREATE,
    "a": CreateDisposition.FILE_OPEN_IF,
}


@dataclass(frozen=True, slots=True)
class FileMode:
    """A mode as a request; with `append`, writing starts at the end of the file."""

    access: AccessMask
    disposition: CreateDisposition
    append: bool
    text: bool

    @property
    def readable(self) -> bool:
        """Whether the content may be read."""
        return bool(self.access & AccessMask.FILE_READ_DATA)

    @property
    def writable(self) -> bool:
        """Whether the content may be written."""
        return bool(self.access & AccessMask.FILE_WRITE_DATA)

    @classmethod
    def parse(cls, mode: str) -> "FileMode":
        """Read a mode as the builtin `open` does. Raises ValueError for one that is none."""
        kinds = [letter for letter in mode if letter in _DISPOSITIONS]
        rest = sorted(set(mode) - set(kinds))
        if len(kinds) != 1 or len(set(mode)) != len(mode) or not _is_known(rest):
            raise ValueError(f"mode {mode!r}: use one of r, w, x, a, with + and with b or t")
        [kind] = kinds
        access = requests.READ if kind == "r" else requests.WRITE | requests.STAT
        if "+" in mode:
            access = requests.READ | requests.WRITE
        return cls(access, _DISPOSITIONS[kind], kind == "a", "b" not in mode)


def _is_known(letters: list[str]) -> bool:
    return set(letters) <= {"+", "b", "t"} and not {"b", "t"} <= set(letters)


class Opening(Generic[T]):
    """A file about to be opened: ``await`` it for the file, or use it in ``async with``."""

    def __init__(self, opener: Callable[[], Awaitable[T]]) -> None:
        self._opener = opener
        self._file: T | None = None

    def __await__(self) -> Generator[None, None, T]:
        return self._opener().__await__()

    async def __aenter__(self) -> T:
        self._file = await self._opener()
        return self._file

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            await self._file.__aexit__(kind, error, trace)
