"""Holes and attributes of files that are copied, over both transports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.program import Served, running, serve_arguments
from tests.integration.test_copying import Here

SIZE = 64 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    with running(*arguments) as ready:
        yield Here(directory / "share", pki, ready["listeners"])


def make_sparse(path: Path) -> None:
    """Make a file of 64 MiB with two pieces of data in it, one of them at its end."""
    with path.open("wb") as file:
        file.seek(20 << 20)
        file.write(b"middle" * 10_000)
        file.seek(SIZE - 3)
        file.write(b"end")


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.mark.parametrize("transport", ["tcp", "quic"])
def test_holes_are_kept(served: Served, tmp_path: Path, transport: str) -> None:
    source = tmp_path / "source"
    make_sparse(source)
    if allocated(source) >= SIZE:
        pytest.skip("this disk has no holes")
    first, second = f"{transport}-put", f"{transport}-copied"
    assert served.run("put", str(source), served.url(first, transport)).returncode == 0
    copied = served.run("cp", served.url(first, transport), served.url(second, transport))
    assert copied.returncode == 0, copied.stderr
    back = tmp_path / "back"
    assert served.run("get", served.url(second, transport), str(back)).returncode == 0
    for path in (served.folder / first, served.folder / second, back):
        assert path.read_bytes() == source.read_bytes()
        assert allocated(path) < 4 << 20
