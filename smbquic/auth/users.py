"""The accounts of a server, and the file that contains them.

The file is text, one account to a line, and meant to be read and edited by an administrator::

    # Paris office
    alice:8846F7EAEE8FB117AD06BDD830B7586C:editors,paris
    bob:32ED87BDB5FDC5E9CBA88547376818D4

A line is a name, a colon and the NT hash of the password (MD4 of its UTF-16, [MS-NLMP] 3.3.1) in
32 hexadecimal digits; after another colon the groups that the user is in, if any, with commas
between them. Empty lines and lines that start with ``#`` are comments and are kept.
Samba's ``pdbedit -Lw`` and ``smbquic user add`` print such hashes.

NT hashes are **password-equivalent**: NTLM proves knowledge of the hash, so whoever reads the file
can log on as every account in it, and can quickly find weak passwords. The file is therefore
written with mode 0600, and a warning is logged when others can read a file that is loaded.
"""

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

from smbquic.auth.accounts import Account
from smbquic.auth.ntlm.keys import nt_hash
from smbquic.errors import UsersError
from smbquic.lazy_dataclass import dataclass

_log = logging.getLogger(__name__)

_HASH_SIZE = 16
_MAX_NAME = 256
# Separators of the parts of a line, and of a domain from its user.
_FORBIDDEN = frozenset(":\\/;")


@dataclass(frozen=True, slots=True)
class _AccountEntry:
    """An account of the users file, and the comments that stand above it there."""

    account: Account
    comments: tuple[str, ...] = ()


class UserStore:
    """Accounts by name, without regard to case. The module's docstring describes their file."""

    def __init__(self) -> None:
        self._entries: dict[str, _AccountEntry] = {}
        self._tail: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._entries

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a users file.

        Raises `UsersError`, which names file and line, if it is not one, and `OSError` if it
        cannot be read.
        """
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & (
                stat.S_IRWXG | stat.S_IRWXO
            ):
                _log.warning(
                    "%s can be read by others, who can log on with its hashes: run chmod 600 %s",
                    path,
                    path,
                )
            content = file.read()
        store = cls()
        comments: list[str] = []
        for number, raw in enumerate(content.splitlines(), 1):
            try:
                line = raw.decode().strip()
                if not line or line.startswith("#"):
                    comments.append(line)
                    continue
                store._insert(_parse(line), tuple(comments))
            except (UnicodeDecodeError, UsersError) as error:
                reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
                raise UsersError(f"{path}, line {number}: {reason}") from None
            comments.clear()
        store._tail = tuple(comments)
        return store

    def save(self, path: Path) -> None:
        """Write the users file at once or not at all, readable by its owner only.

        A file that exists keeps its owner: root may add a user to a file that a server reads.
        """
        lines: list[str] = []
        for entry in self._entries.values():
            lines += entry.comments
            lines.append(_line(entry.account))
        lines += self._tail
        target = path.resolve()  # a symbolic link is kept
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    owner = target.stat()
                    shutil.chown(temporary, owner.st_uid, owner.st_gid)
                file.write("".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def add(self, name: str, password: str) -> None:
        """Add an account.

        Raises `UsersError` if the name exists already or is not allowed, or the password is empty.
        """
        self._insert(Account(name, _hashed(name, password)), ())

    def set_password(self, name: str, password: str) -> None:
        """Change an account's password.

        Raises `KeyError` if there is none of that name, `UsersError` if the password is empty.
        """
        entry = self._entries[_key(name)]
        account = replace(entry.account, nt_hash=_hashed(name, password))
        self._entries[_key(name)] = replace(entry, account=account)

    def set_groups(self, name: str, groups: Iterable[str]) -> None:
        """Put an account into these groups and no others; their case is ignored.

        Raises `KeyError` if there is none of that name, `UsersError` for an impossible group.
        """
        entry = self._entries[_key(name)]
        account = replace(entry.account, groups=_groups(groups))
        self._entries[_key(name)] = replace(entry, account=account)

    def remove(self, name: str) -> None:
        """Remove an account. Raises `KeyError` if there is none of that name."""
        del self._entries[_key(name)]

    def include(self, other: "UserStore") -> None:
        """Add the accounts of another store. Raises `UsersError` if a name exists already."""
        for entry in other._entries.values():
            self._insert(entry.account, entry.comments)

    def replace(self, other: "UserStore") -> list[str]:
        """Have the accounts of another store in place of these; return who is there no longer."""
        gone = [
            entry.account.name for key, entry in self._entries.items() if key not in other._entries
        ]
        self._entries, self._tail = dict(other._entries), other._tail
        return gone

    def accounts(self) -> list[Account]:
        """Return the accounts, in the order of the file."""
        return [entry.account for entry in self._entries.values()]

    def names(self) -> list[str]:
        """Return the accounts' names, in the order of the file."""
        return [entry.account.name for entry in self._entries.values()]

    def find(self, name: str) -> Account | None:
        """Return the account of that name, in any case, or None."""
        entry = self._entries.get(_key(name))
        return None if entry is None else entry.account

    def nt_hash(self, name: str) -> bytes | None:
        """Return the NT hash (16 bytes) of an account's password, None without such an account."""
        account = self.find(name)
        return None if account is None else account.nt_hash

    def _insert(self, account: Account, comments: tuple[str, ...]) -> None:
        check_name(account.name)
        if account.name in self:
            raise UsersError(f"there is already a user {account.name!r}")
        self._entries[_key(account.name)] = _AccountEntry(account, comments)


def _key(name: str) -> str:
    return name.casefold()


def _hashed(name: str, password: str) -> bytes:
    if not password:
        raise UsersError(f"{name!r} needs a password: nobody logs on with an empty one")
    return nt_hash(password)


def check_name(name: str, owner: str = "user") -> None:
    """Raise `UsersError` for a name that no user, or other owner, can have."""
    if not name:
        raise UsersError(f"a {owner} needs a name")
    if len(name) > _MAX_NAME:
        raise UsersError(f"a {owner}'s name of {len(name)} characters is too long")
    if name != name.strip() or name.startswith("#") or not name.isprintable():
        raise UsersError(f"{name!r} cannot be a {owner}'s name")
    if forbidden := _FORBIDDEN.intersection(name):
        raise UsersError(f"{name!r} cannot be a {owner}'s name: it holds {min(forbidden)!r}")


def _groups(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of groups in lower case, sorted, each once."""
    groups = {_key(name) for name in names}
    for name in groups:
        check_name(name, "group")
        if "," in name:
            raise UsersError(f"{name!r} cannot be a group's name: it holds ','")
    return tuple(sorted(groups))


def _line(account: Account) -> str:
    line = f"{account.name}:{account.nt_hash.hex().upper()}"
    return f"{line}:{','.join(account.groups)}" if account.groups else line


def _parse(line: str) -> Account:
    name, colon, rest = line.partition(":")
    digits, more, groups = rest.partition(":")
    if not colon:
        raise UsersError("it is not NAME:HASH")
    try:
        hashed = bytes.fromhex(digits)
    except ValueError:
        hashed = b""
    if len(hashed) != _HASH_SIZE:
        raise UsersError(f"the NT hash of {name!r} is not 32 hexadecimal digits")
    return Account(name, hashed, _groups(groups.split(",")) if more else ())
