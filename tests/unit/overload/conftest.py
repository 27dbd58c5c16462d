"""A server whose limits are tested: the fixtures of the server's own tests."""

from tests.unit.server.conftest import (  # noqa: F401  (fixtures)
    client,
    connect,
    root,
    server,
    server_with,
    until,
)
