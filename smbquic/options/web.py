"""The options of the web listener of a server or a gateway."""

from collections.abc import Sequence
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import WEB
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class WebOptions(Options):
    """The web listener: status page, metrics and health checks, by HTTP without encryption."""

    address: Annotated[
        str | None,
        Option(
            "Where the web listener listens: HOST:PORT or unix:PATH. Port 0 picks a free one."
            "\n\nIt needs the extra `web`. Whoever can connect may read the metrics; the data of"
            " the status page need a token. A Unix socket can be opened by its user and group.",
            default="there is no web listener",
            key="listen",
            flag="--web",
            metavar="ADDRESS",
            heading=WEB,
        ),
    ] = None
    remote: Annotated[
        bool,
        Option(
            "Let other machines connect to the web listener: the address need not be one of"
            " loopback.",
            flag="--web-remote",
            heading=WEB,
        ),
    ] = False
    host_names: Annotated[
        Sequence[str],
        Option(
            "A further name by which browsers and other programs may call the web listener."
            "\n\nIP addresses and localhost are always accepted. Requests for other names are"
            " refused, as a web site may have its own name resolve to this machine (DNS"
            " rebinding).",
            key="hosts",
            flag="--web-host",
            metavar="NAME",
            heading=WEB,
        ),
    ] = ()


DEFAULT_WEB = WebOptions()
