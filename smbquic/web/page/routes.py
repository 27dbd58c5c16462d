"""The requests of the status page: its files, its data, and its actions.

The files are the same for everybody. Data and actions need the token, in a header that no other web
site can have a browser send; there are no cookies.
"""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from hmac import compare_digest
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smbquic.web.page.actions import Order, perform
from smbquic.web.page.data import PageData
from smbquic.web.page.paging import Query

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

Endpoint = Callable[[Request], Awaitable[Response]]
Get = Callable[[PageData, Request], Awaitable[dict[str, Any]]]


def page_routes(data: PageData) -> list[Route]:
    """Return the routes of the status page."""
    routes = [
        Route("/" if name == "index.html" else f"/{name}", _file(name)) for name in page_files()
    ]
    routes += [
        Route(f"/api/{name}", _guarded(data, partial(_get, data, get)), methods=["GET"])
        for name, get in _DATA.items()
    ]
    acting = _guarded(data, partial(_act, data))
    return [*routes, Route("/api/actions/{name}", acting, methods=["POST"])]


def page_files() -> list[str]:
    """Return the names of the page's files."""
    folder = files("smbquic.web.page").joinpath("static")
    return sorted(each.name for each in folder.iterdir() if each.name.partition(".")[2] in _TYPES)


def _file(name: str) -> Endpoint:
    content = files("smbquic.web.page").joinpath("static", name).read_bytes()
    headers = {
        "Content-Type": _TYPES[name.partition(".")[2]],
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    async def send(_: Request) -> Response:
        return Response(content, headers=headers)

    return send


def _guarded(data: PageData, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint for who has the token."""
    expected = f"Bearer {data.source.controls.token}".encode()

    async def check(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if not compare_digest(given, expected):
            return _problem(401, "the token is missing or wrong: smbquic status shows it")
        try:
            return await endpoint(request)
        except LookupError as error:
            return _problem(404, str(error.args[0]) if error.args else "it is not there")
        except ValueError as error:
            return _problem(400, str(error))

    return check


async def _get(data: PageData, get: Get, request: Request) -> Response:
    return JSONResponse(await get(data, request))


async def _act(data: PageData, request: Request) -> Response:
    """Do what an administrator asks for, unless another web site does."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return _problem(403, "this request comes from another web site")
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return _problem(415, "an action is sent as application/json")
    order = Order.parse(json.loads(await request.body()))
    client = "unix" if request.client is None else f"{request.client.host}:{request.client.port}"
    result = perform(data.source, request.path_params["name"], order, client)
    return JSONResponse({"result": result})


def _problem(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _query(request: Request) -> Query:
    return Query.parse(request.query_params)


_DATA: dict[str, Get] = {
    "overview": lambda data, request: data.overview(
        int(request.query_params.get("seconds", 0)), int(request.query_params.get("minutes", 0))
    ),
    "connections": lambda data, request: data.connections(_query(request)),
    "sessions": lambda data, request: data.sessions(_query(request)),
    "opens": lambda data, request: data.opens(_query(request)),
    "shares": lambda data, _: data.shares(),
    "access": lambda data, _: data.access(),
    "limits": lambda data, _: data.limits(),
    "audit": lambda data, request: data.audit(
        _query(request), refused=request.query_params.get("refused") == "1"
    ),
}
