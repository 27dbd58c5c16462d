"""`smbquic user`: manage the users of a server that keeps them in a file."""

from pathlib import Path
from typing import IO

import click

from smbquic.auth.users import UserStore, check_name
from smbquic.cli.command import command_group, json_option, option
from smbquic.cli.output import emit, warn
from smbquic.cli.passwords import ask_new, read_first_line
from smbquic.cli.privileges import is_root
from smbquic.server.security.accounts import account_of, group_sid, sid_of

_users_option = option(
    "--users",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file that holds the users.",
)
_password_option = option(
    "--password-file",
    type=click.File(),
    metavar="FILE",
    help="Read the password from the first line of a file, or - for standard input.",
)


@command_group("user")
def group() -> None:
    """Manage the users of a server.

    The file contains password hashes, with which anybody can log on as with the passwords. It is
    made readable by its owner only: keep it so.
    """


def _password(file: IO[str] | None, name: str) -> str:
    if file is not None:
        return read_first_line(file, name)
    return ask_new(name, "--password-file FILE, or - for standard input")


@group.command("add")
@click.argument("name")
@_users_option
@_password_option
def add(name: str, path: Path, password_file: IO[str] | None) -> None:
    """Add a user.

    \b
    smbquic user add alice --users users.txt
    """
    is_new = not path.exists()
    if is_new and not path.absolute().parent.is_dir():
        raise click.UsageError(f"{path}: there is no folder {path.parent}; make it first")
    store = UserStore() if is_new else UserStore.load(path)
    if name in store:
        raise click.UsageError(f"{name} is in {path} already; use: smbquic user passwd")
    check_name(name)
    store.add(name, _password(password_file, name))
    store.save(path)
    if is_new and is_root():
        warn(
            f"only root can read {path}: for a server that runs as another user,"
            f" run chown USER: {path} once"
        )


@group.command("passwd")
@click.argument("name")
@_users_option
@_password_option
def passwd(name: str, path: Path, password_file: IO[str] | None) -> None:
    """Change a user's password.

    \b
    smbquic user passwd alice --users users.txt
    """
    store = _load_with(path, name)
    store.set_password(name, _password(password_file, name))
    store.save(path)


@group.command("remove")
@click.argument("name")
@_users_option
def remove(name: str, path: Path) -> None:
    """Remove a user.

    \b
    smbquic user remove alice --users users.txt
    """
    store = _load_with(path, name)
    store.remove(name)
    store.save(path)


@group.command("groups")
@click.argument("name")
@click.argument("groups", nargs=-1)
@_users_option
def groups_command(name: str, groups: tuple[str, ...], path: Path) -> None:
    """Put a user into groups, and no others.

    \b
    smbquic user groups alice editors --users users.txt

    Security descriptors can grant rights to groups; smbquic user show prints their SIDs.
    """
    store = _load_with(path, name)
    store.set_groups(name, groups)
    store.save(path)


@group.command("show")
@click.argument("name")
@_users_option
@json_option
def show(name: str, path: Path, *, as_json: bool) -> None:
    """Show the SIDs of a user and the user's groups.

    \b
    smbquic user show alice --users users.txt
    """
    account = _load_with(path, name).find(name)
    assert account is not None
    sid = str(sid_of(account_of(account.name)))
    groups = {group: str(group_sid(group)) for group in account.groups}
    if as_json:
        emit({"user": account.name, "sid": sid, "groups": groups})
        return
    for label, number in {account.name: sid, **groups}.items():
        click.echo(f"{number}  {label}")


@group.command("list")
@_users_option
@json_option
def list_command(path: Path, *, as_json: bool) -> None:
    """List the users.

    \b
    smbquic user list --users users.txt
    """
    names = _load(path).names()
    if as_json:
        emit({"users": names})
        return
    for name in names:
        click.echo(name)


def _load(path: Path) -> UserStore:
    if not path.exists():
        raise click.UsageError(f"there is no file {path}; smbquic user add makes it")
    return UserStore.load(path)


def _load_with(path: Path, name: str) -> UserStore:
    store = _load(path)
    if name not in store:
        there = ", ".join(store.names()) or "none"
        raise click.UsageError(f"{path} has no user {name}; its users: {there}")
    return store
