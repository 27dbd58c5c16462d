"""The web listener of a server or a gateway, where there is one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smbquic.observe.recent_records import RecentRecords
from smbquic.options.web import WebOptions
from smbquic.web.address import check_libraries
from smbquic.web.source import WebControls, WebSource


@asynccontextmanager
async def web_listening(source: WebSource, options: WebOptions) -> AsyncIterator[str]:
    """Show `source` on a web listener; yields its URL, or an empty text if there is none.

    Raises `ConfigError` without the extra `web`, `UrlError` and `ListenError`.
    """
    if options.address is None:
        yield ""
        return
    check_libraries()
    # It takes a tenth of a second to import, which servers without it need not wait for.
    from smbquic.web.listener import web_listener

    async with web_listener(options.address, source, options) as url:
        yield url


def recent_records(options: WebOptions) -> RecentRecords | None:
    """Return where the status page finds the latest audit records; None without it."""
    return None if options.address is None else RecentRecords()


def web_status(url: str, controls: WebControls) -> dict[str, str] | None:
    """Return what `smbquic status` shows of the web listener; None if there is none.

    The token is a secret, and so is the status: only the server's user can ask for it.
    """
    return {"url": url, "token": controls.token} if url else None
