"""The same API without `await`, for programs that have no event loop.

    from getpass import getpass

    import smbquic

    url = "smb+quic://alice@fs.example:8443/data"
    with smbquic.sync.connect(url, password=getpass(), ca="ca.pem") as share:
        share.put("report.pdf", "report.pdf")
        print(share.listdir())

The work is done on a thread of its own; every call waits for it. Arguments, results and errors
are those of `smbquic`. A share may be used by several threads.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from smbquic.api import client as api_client
from smbquic.api import server as api_server
from smbquic.client.background import LoopThread
from smbquic.client.url import SmbUrl
from smbquic.options.client import SessionOptions
from smbquic.options.keywords import keywords
from smbquic.sync.files import SyncBufferedFile, SyncFile, SyncRangeLock, SyncTextFile
from smbquic.sync.share import SyncShare

__all__ = [
    "SyncBufferedFile",
    "SyncFile",
    "SyncRangeLock",
    "SyncShare",
    "SyncTextFile",
    "connect",
    "serve",
]


T = TypeVar("T")
P = ParamSpec("P")


@contextmanager
def _entered(manager: AbstractAsyncContextManager[T]) -> Iterator[tuple[T, LoopThread]]:
    """Enter an asynchronous context manager on the event loop of a new thread.

    Yields the value that it gives, and the thread.
    """
    loop = LoopThread()
    try:
        value = loop.run(manager.__aenter__())
        try:
            yield value, loop
        except BaseException as error:
            loop.run(manager.__aexit__(type(error), error, error.__traceback__))
            raise
        else:
            loop.run(manager.__aexit__(None, None, None))
    finally:
        loop.stop()


def _blocking(
    manage: Callable[P, AbstractAsyncContextManager[T]],
) -> Callable[P, AbstractContextManager[T]]:
    """Return the same context manager, with the same arguments, for ``with``."""

    @wraps(manage)
    @contextmanager
    def managed(*arguments: P.args, **options: P.kwargs) -> Iterator[T]:
        with _entered(manage(*arguments, **options)) as (value, _):
            yield value

    return managed


@keywords(SessionOptions)
@contextmanager
def connect(url: SmbUrl | str, options: SessionOptions) -> Iterator[SyncShare]:
    """See `smbquic.connect`."""
    with _entered(api_client.connect(url, **vars(options))) as (share, loop):
        yield SyncShare(share, loop)


serve = _blocking(api_server.serve)
