"""Health checks: ``/healthz`` and ``/readyz``."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from smbquic.web.source import WebSource


def health_routes(source: WebSource) -> list[Route]:
    """Return the routes of the health checks."""

    async def healthz(_: Request) -> PlainTextResponse:
        """Answer that the process works: its event loop has answered."""
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> PlainTextResponse:
        """Answer whether new clients may come."""
        reason = source.unready()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
