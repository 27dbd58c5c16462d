"""The steps of a CREATE in which a create context takes part, and what it finds there.

`smbquic.server.handlers.create` calls the methods of a handler in this order: `find`, `prepare`,
then the file is opened, `created`, `opened` and `respond`. Only those handlers are called whose
context the request has.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from typing import NamedTuple

from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.request import Request
from smbquic.server.opens.create import CreateSession
from smbquic.server.opens.leases import LeaseRequest
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parameters import OpenParameters
from smbquic.server.opens.open_parts import Requester
from smbquic.server.share import ServedShare
from smbquic.server.tree import ServerTree
from smbquic.storage import Action, FileStat
from smbquic.wire.create_context import CreateContext


class Found(NamedTuple):
    """An open that exists already, what its CREATE did, and the oplock level of the response."""

    entry: Open
    action: Action
    level: int


@dataclass(slots=True)
class Create:
    """One CREATE: who sends it, and what it asks for.

    `contexts` are the data of its create contexts by name. `level` is the oplock level that is
    asked for, later the one that was granted, `lease` the lease. `found` is an open that exists
    already, if the request is about one.
    """

    request: Request
    session: CreateSession
    tree: ServerTree
    share: ServedShare
    requester: Requester
    contexts: Mapping[bytes, bytes]
    level: int
    parameters: OpenParameters = field(init=False)
    lease: LeaseRequest | None = None
    found: Found | None = None


class CreateContextHandler:
    """The handler of one create context; each of its steps does nothing by default.

    `names` are the contexts for which it is called; one of them is enough.
    """

    names: frozenset[bytes]

    def find(self, create: Create) -> None:
        """Set `create.found` if that is known before any parameter of the CREATE is checked."""

    def prepare(self, create: Create) -> None:
        """Change how the file is opened, or set `create.found` after all."""

    def waiting(self, create: Create) -> AbstractContextManager[None] | None:
        """Return what is entered while the CREATE waits for others; it then also outlives its
        connection."""
        return None

    def created(self, create: Create, entry: Open) -> None:
        """Complete a file that is new or overwritten, before a cache grant of it is given."""

    def opened(self, create: Create, entry: Open, action: Action) -> None:
        """Complete a new open."""

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """Return the contexts of the response."""
        return ()
