"""A pytest plugin: servers of tests have workers, with ``SMBQUIC_TEST_WORKERS=2 pytest ...``.

That is for the tests of servers and gateways that do not say how many there are, in this process
and in those of the interop tests. Those with the marker `one_process` are left out.
"""

import os
from functools import wraps
from typing import Any

import pytest

WORKERS = int(os.environ.get("SMBQUIC_TEST_WORKERS", "0"))
OPTIONS = ("--workers", str(WORKERS)) if WORKERS else ()
"""For the command line of a server or a gateway."""


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest before any test is imported."""
    if not WORKERS:
        return
    from smbquic.api import gateway, server
    from smbquic.api.worker_listening import quic_listening

    @wraps(quic_listening)
    def with_workers(*arguments: Any) -> Any:
        workers: int = arguments[-1]
        return quic_listening(*arguments[:-1], workers or WORKERS)  # type: ignore[call-arg]

    for module in (gateway, server):
        setattr(module, "quic_listening", with_workers)  # noqa: B010  (no name of the module's own)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called by pytest with the tests that it has found."""
    if not WORKERS:
        return
    left_out = [item for item in items if item.get_closest_marker("one_process") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
