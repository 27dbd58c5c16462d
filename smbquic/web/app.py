"""The application of the web listener: its routes, behind the checks of every request."""

import asyncio

from starlette.applications import Starlette
from starlette.types import ASGIApp

from smbquic.observe.loop_lag import LoopLag
from smbquic.options.web import WebOptions
from smbquic.web.bounds import RequestRate
from smbquic.web.guard import Guard
from smbquic.web.health import health_routes
from smbquic.web.metrics.exposition import metrics_routes
from smbquic.web.source import WebSource


def make_app(source: WebSource, options: WebOptions, lag: LoopLag) -> ASGIApp:
    """Return the application that shows `source`, on an event loop that `lag` measures."""
    app = Starlette(routes=[*health_routes(source), *metrics_routes(source, lag)])
    return Guard(app, options.host_names, RequestRate(asyncio.get_running_loop().time))
