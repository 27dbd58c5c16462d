"""The verbs that go to other folders, on the share and on this machine."""

import errno
import os

from smbquic.cli.output import printable, shown, visible
from smbquic.cli.shell.state import Shell
from smbquic.cli.urls import check_folder


async def cd(shell: Shell, folder: str | None = None) -> None:
    """Go to another folder of the share."""
    if folder is None:
        await pwd(shell)
        return
    path = shell.remote(folder)
    await check_folder(shell.share, path)
    shell.folder = path


async def pwd(shell: Shell) -> None:
    """Print the folder of the share."""
    path = f"/{shell.folder}"
    await shell.show({"folder": shown(path)}, printable(path))


async def lcd(shell: Shell, folder: str | None = None) -> None:
    """Go to another folder of this machine."""
    if folder is None:
        await lpwd(shell)
        return
    path = shell.local(folder).resolve(strict=True)
    if not path.is_dir():
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    shell.local_folder = path


async def lpwd(shell: Shell) -> None:
    """Print the folder of this machine."""
    path = str(shell.local_folder)
    await shell.show({"local_folder": path}, visible(path))
