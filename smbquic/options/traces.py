"""The options of a server's traces of requests, for OpenTelemetry."""

from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import TRACES
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class TraceOptions(Options):
    """Traces of requests, sent to an OpenTelemetry collector."""

    endpoint: Annotated[
        str | None,
        Option(
            "Send a span of some requests to this OpenTelemetry collector: http://HOST:PORT or"
            " https://HOST:PORT, where it takes OTLP over HTTP."
            "\n\nIt needs the extra `traces`. Without a path in the URL, /v1/traces is added.",
            default="there are no traces",
            flag="--traces",
            metavar="URL",
            heading=TRACES,
        ),
    ] = None
    share: Annotated[
        float,
        Option(
            "The share of all requests that get a span, from 0 to 1.",
            maximum=1,
            flag="--trace-share",
            heading=TRACES,
        ),
    ] = 0.01
    slow_seconds: Annotated[
        float,
        Option(
            "A request that takes as long gets a span in any case, unless it waits for others"
            " (CHANGE_NOTIFY, LOCK).",
            unit="seconds",
        ),
    ] = 1.0


DEFAULT_TRACES = TraceOptions()
