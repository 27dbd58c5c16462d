"""The shares of `smbquic serve`: from the configuration, --share, and FOLDER arguments."""

from pathlib import Path

import click

from smbquic import config
from smbquic.options.share import ShareFolder
from smbquic.server.share import ServedShare, check_share_name
from smbquic.storage import open_storage


def parse_share(text: str) -> ServedShare:
    """Open ``NAME=LOCATION`` or ``NAME=LOCATION:ro``. Raises a usage error."""
    name, equals, location = text.partition("=")
    read_only = location.endswith(":ro")
    location = location.removesuffix(":ro")
    if not (name and equals and location):
        raise click.UsageError(f"--share {text}: write NAME=PATH, or NAME=PATH:ro")
    try:
        check_share_name(name)
        storage = open_storage(location, read_only=read_only)
    except ValueError as error:
        raise click.UsageError(f"--share {text}: {error}") from error
    return ServedShare(name, storage, read_only=read_only)


def share_of(folder: Path) -> ServedShare:
    """Return the share of a folder, with the folder's name. Raises a usage error."""
    name = folder.resolve().name
    try:
        check_share_name(name)
    except ValueError as error:
        raise click.UsageError(f"{folder}: {error}: use --share NAME={folder}") from error
    return ServedShare(name, open_storage(folder))


def configured_share(share: ShareFolder) -> ServedShare:
    """Open a share of the configuration file. Raises a usage error."""
    try:
        storage = open_storage(share.path, read_only=share.read_only, links=share.links)
    except ValueError as error:
        raise click.UsageError(f"shares.{share.name}.path: {error}") from error
    return ServedShare(
        share.name,
        storage,
        read_only=share.read_only,
        comment=share.comment,
        encrypt=share.encrypt,
    )


def collect(
    base: config.Configuration, options: tuple[str, ...], folders: tuple[Path, ...]
) -> dict[str, ServedShare]:
    """Return all shares by name. Raises a usage error if there are none, or two have one name."""
    shares = [configured_share(each) for each in base.shares]
    shares += map(parse_share, options)
    shares += map(share_of, folders)
    if not shares:
        raise click.UsageError("there is nothing to share: name a FOLDER, or add --share NAME=PATH")
    names: set[str] = set()
    for share in shares:
        if share.name.casefold() in names:
            raise click.UsageError(
                f"two shares have the same name, {share.name}: use --share NAME=PATH for one"
            )
        names.add(share.name.casefold())
    return {share.name: share for share in shares}
