"""The traces of a server's requests, where they are sent to a collector."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from smbquic.observe.trace_endpoint import check_traces
from smbquic.options.traces import TraceOptions

if TYPE_CHECKING:
    from smbquic.observe.request_spans import RequestSpans


@asynccontextmanager
async def tracing(options: TraceOptions, server_name: str) -> AsyncIterator["RequestSpans | None"]:
    """Yield what takes the spans of requests; None if no traces are wanted.

    Raises `ConfigError` without the extra `traces`, and `UrlError`.
    """
    if options.endpoint is None:
        yield None
        return
    check_traces(options)
    # It takes a third of a second to import, which servers without it need not wait for.
    from smbquic.observe.request_spans import RequestSpans

    spans = RequestSpans(
        options,
        {
            "service.name": "smbquic",
            "service.version": version("smbquic"),
            "service.instance.id": server_name,
        },
    )
    try:
        yield spans
    finally:
        await asyncio.to_thread(spans.close)
