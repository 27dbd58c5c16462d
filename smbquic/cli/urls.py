"""What commands ask about the URLs of their arguments: which file or folder is meant."""

from typing import TYPE_CHECKING

import click

from smbquic.cli.failure import ExitCode
from smbquic.client.url import SmbUrl
from smbquic.errors import DirectoryExpectedError
from smbquic.ntstatus import NtStatus

if TYPE_CHECKING:
    from smbquic.client.share import Share


class MissingFolder(click.ClickException):
    """The folder that is the target does not exist."""

    exit_code = ExitCode.REFUSED

    def __init__(self, url: SmbUrl) -> None:
        super().__init__(
            f"there is no folder {url}; make it with smbquic mkdir -p or smbquic put --parents"
        )


def last_name(url: SmbUrl) -> str:
    """Return the name of the file, folder or share that a URL is of."""
    return url.path.rpartition("/")[2] or url.share


async def is_folder(share: "Share", path: str) -> bool:
    """Return whether there is a folder of that name."""
    try:
        return (await share.stat(path)).is_directory
    except FileNotFoundError:
        return False


async def check_folder(share: "Share", path: str) -> None:
    """Raise `DirectoryExpectedError` if what has that name is no folder."""
    if not (await share.stat(path)).is_directory:
        raise DirectoryExpectedError(NtStatus.NOT_A_DIRECTORY, path=path)


def same_share(source: SmbUrl, target: SmbUrl) -> None:
    """Raise a usage error for two URLs of different shares: renames and copies stay within one."""

    def place(url: SmbUrl) -> tuple[str, str, int, str]:
        return url.transport, url.host.casefold(), url.port, url.share.casefold()

    if place(source) != place(target):
        raise click.UsageError("both URLs must be on one share; between shares use get and put")
