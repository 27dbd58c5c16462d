"""The query of macOS with its first CREATE, answered as Samba's vfs_fruit answers it.

Apple documents it nowhere but in its own client. The answer promises nothing that would change
the meaning of other messages: no finder information in listings, no copies with resource forks in
one step, no UNIX modes in descriptors.
"""

from collections.abc import Iterable

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.open import Open
from smbquic.storage import FileStat
from smbquic.wire.aapl import (
    AAPL,
    AaplBitmap,
    AaplServerCaps,
    AaplServerQueryRequest,
    AaplServerQueryResponse,
    AaplVolumeCaps,
)
from smbquic.wire.create_context import CreateContext

MODEL = "MacSamba"
"""The model by which Finder chooses an icon: that of a Samba server."""

_NOTHING = int(AaplServerCaps(0))
# FLUSH reaches the disk, which Time Machine insists on.
_VOLUME = int(AaplVolumeCaps.SUPPORTS_FULL_SYNC)


def answer(data: bytes) -> CreateContext:
    """Return the answer to the data of an AAPL context: the parts that it asks for.

    Raises `WireError`, also for a query that is not about the server.
    """
    wanted = AaplServerQueryRequest.decode(data).request_bitmap
    return AaplServerQueryResponse(
        _NOTHING if wanted & AaplBitmap.SERVER_CAPS else None,
        _VOLUME if wanted & AaplBitmap.VOLUME_CAPS else None,
        MODEL if wanted & AaplBitmap.MODEL_INFO else None,
    ).context()


class Aapl(CreateContextHandler):
    """The handler of AAPL: the model and capabilities of the server, for macOS."""

    names = frozenset({AAPL})

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """See `CreateContextHandler`."""
        return (answer(create.contexts[AAPL]),)
