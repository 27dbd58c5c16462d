"""Caches which descriptor is effective for a file: its own, or what it inherits from folders.

A file without descriptor may have been made by a local program, or before anybody restricted its
folder. It is treated as if it had inherited when it was made what could be inherited now. So every
folder on the way up matters, for every open; what was found for a folder is therefore believed for
a moment, and forgotten when this server changes something about it.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from smbquic.server.security import security_descriptors
from smbquic.server.security.inheritance import inherit
from smbquic.storage import FileStat, Storage, StorageFile
from smbquic.storage.names import parent_of
from smbquic.wire.dtyp.acl import AceFlags, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor, SecurityDescriptorControl

LIFETIME = 1.0
"""Seconds after which a change by a local program, or through another share, is seen."""
CAPACITY = 100_000
"""Folders of one storage that are cached, plus the entries of their ACLs: some 30 MiB."""

_INHERITED = int(AceFlags.INHERITED_ACE)
_PRESENT = int(SecurityDescriptorControl.DP)


class _Known(NamedTuple):
    expires: float
    descriptor: SecurityDescriptor | None

    @property
    def size(self) -> int:
        """The share of `CAPACITY` that it takes: one, and one for each entry of its ACLs."""
        found = self.descriptor
        acls = (found.dacl, found.sacl) if found is not None else ()
        return 1 + sum(len(acl.aces) for acl in acls if acl is not None)


class _Folders(dict[str, _Known]):
    """The folders of one storage by name; all are dropped when they exceed `CAPACITY`."""

    size = 0

    def remember(self, name: str, known: _Known) -> None:
        self.forget(name)
        # They are believed for a second: to choose which to drop would cost more than to read all
        # of them again.
        if self.size + known.size > CAPACITY:
            self.clear()
            self.size = 0
        self[name] = known
        self.size += known.size

    def forget(self, name: str) -> None:
        if (former := self.pop(name, None)) is not None:
            self.size -= former.size


class Descriptors:
    """The effective descriptors of the files and folders of all storages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folders: dict[Storage, _Folders] = {}

    def effective(self, storage: Storage, file: StorageFile) -> SecurityDescriptor | None:
        """Return the effective descriptor of an open file; None grants everything to everybody."""
        stored = file.security()
        own = None if stored is None else security_descriptors.decode(stored)
        if own is not None and own.control & _PRESENT:
            return own
        whole = file.whole
        name = whole.name
        if not name:
            return None
        parent = self.folder(storage, parent_of(name))
        return None if parent is None else _inherited(parent, own, whole.stat())

    def folder(self, storage: Storage, name: str) -> SecurityDescriptor | None:
        """Return that of a folder, by its name in real case; raises as `Storage.stat`."""
        known = self._folders.setdefault(storage, _Folders())
        now = self._clock()
        found = known.get(name)
        if found is not None and now < found.expires:
            return found.descriptor
        # From the root of the share down: each folder inherits from the one before it.
        parent = None
        folder = ""
        for stored, stat in storage.securities(name):
            folder = f"{folder}\\{stat.name}" if folder else stat.name
            own = None if stored is None else security_descriptors.decode(stored)
            if own is None or not own.control & _PRESENT:
                own = None if parent is None else _inherited(parent, own, stat)
            known.remember(folder, _Known(now + LIFETIME, own))
            parent = own
        return parent

    def shown(self, storage: Storage, file: StorageFile) -> SecurityDescriptor:
        """Return the descriptor to show to a client: the file's own, with missing parts added."""
        stored = file.security()
        made_up = security_descriptors.describe(file.whole.stat())
        own = None if stored is None else security_descriptors.decode(stored)
        if own is None or not own.control & _PRESENT:
            inherited = self.effective(storage, file)
            if inherited is not None:
                made_up.dacl, made_up.control = _marked(inherited.dacl), inherited.control
            if own is not None:
                made_up.owner = own.owner or made_up.owner
                made_up.group = own.group or made_up.group
            return made_up
        return own

    def forget(self, storage: Storage, name: str | None = None) -> None:
        """Drop what is cached for a folder that was just created, or for all of them."""
        if name is None:
            self._folders.pop(storage, None)
        elif storage in self._folders:
            self._folders[storage].forget(name)


def _marked(dacl: Acl | None) -> Acl | None:
    """Return an ACL whose entries are marked as inherited.

    Clients that pass changes on to the files below, such as Explorer and smbcacls, replace only
    such entries.
    """
    if dacl is None:
        return None
    return Acl([replace(ace, ace_flags=ace.ace_flags | _INHERITED) for ace in dacl.aces])


def _inherited(
    parent: SecurityDescriptor, own: SecurityDescriptor | None, stat: FileStat
) -> SecurityDescriptor | None:
    owner, group = security_descriptors.owners(stat)
    if own is not None:
        owner, group = own.owner or owner, own.group or group
    return inherit(parent, owner, group, is_directory=stat.is_directory)
