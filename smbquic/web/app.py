"""The application of the web listener: its routes, behind the checks of every request."""

import asyncio

from starlette.applications import Starlette
from starlette.types import ASGIApp

from smbquic.observe.loop_lag import LoopLag
from smbquic.options.web import WebOptions
from smbquic.web.guard import Guard
from smbquic.web.health import health_routes
from smbquic.web.metrics.exposition import metrics_routes
from smbquic.web.page.data import PageData
from smbquic.web.page.routes import page_routes
from smbquic.web.source import WebSource


def make_app(source: WebSource, options: WebOptions, lag: LoopLag, data: PageData) -> ASGIApp:
    """Return the application that shows `source`, on an event loop that `lag` measures.

    `data` is that of its status page.
    """
    routes = [*health_routes(source), *metrics_routes(source, lag), *page_routes(data)]
    app = Starlette(routes=routes)
    return Guard(app, options.host_names, asyncio.get_running_loop().time)
