"""How many workers there are, and what they share."""

import sys
from pathlib import Path

import pytest

from smbquic.observe.audit import AuditLog
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits
from smbquic.options.server import MAX_WORKERS
from smbquic.pki import PkiDirectory
from smbquic.pki.reload import ServerCertificates
from smbquic.transport.quic import connection_ids
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.refusals import Refusals
from smbquic.transport.serving import Connections
from smbquic.workers.pool import WorkerPool, default_workers


@pytest.mark.parametrize(
    ("cores", "workers"), [(1, 0), (2, 0), (3, 1), (8, 6), (34, MAX_WORKERS), (256, MAX_WORKERS)]
)
def test_one_for_each_core_beyond_two(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr("smbquic.workers.pool._cores_of_control_group", lambda: 1000)
    assert default_workers() == workers


@pytest.mark.parametrize(
    ("group", "limit", "workers"),
    [
        ("0::/\n", "max 100000\n", 6),
        ("0::/\n", "250000 100000\n", 1),
        ("0::/system.slice/smbquic.service\n", "400000 100000\n", 2),
        ("0::/\n", "50000 100000\n", 0),
        ("1:cpu:/old\n", None, 6),
    ],
)
def test_no_more_than_a_container_may_use(
    monkeypatch: pytest.MonkeyPatch, group: str, limit: str | None, workers: int
) -> None:
    path = f"/sys/fs/cgroup/{group.strip().removeprefix('0::/')}".rstrip("/") + "/cpu.max"
    files = {"/proc/self/cgroup": group, path: limit}

    def read_text(path: Path) -> str:
        found = files.get(str(path))
        if found is None:
            raise FileNotFoundError(path)
        return found

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert default_workers() == workers


def test_as_many_as_connection_ids_have_numbers() -> None:
    assert connection_ids.MAX_WORKERS == MAX_WORKERS


def pool(pki: PkiDirectory, count: int) -> WorkerPool:
    server = pki.server
    identity = IdentityFiles(certificate=server.certificate, key=server.key, default=True)
    options = QuicOptions(max_half_open=7, max_half_open_of_address=3)
    return WorkerPool(
        count,
        options,
        Limits(),
        ServerCertificates([identity]),
        AuditLog(),
        Refusals(lambda *_: None),
    )


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_have_none(
    monkeypatch: pytest.MonkeyPatch, pki: PkiDirectory, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert default_workers() == 0
    with pytest.raises(ValueError, match="leave out --workers"):
        pool(pki, 2)


async def test_settings_of_each_worker(pki: PkiDirectory) -> None:
    made = pool(pki, 2)

    async def serve(_: object) -> None:
        """Not called."""

    for _ in range(2):
        await made.listen("127.0.0.1", 0, Connections(serve))
    one, other = (made._settings(number, 0) for number in range(2))
    assert (one.options.connection_ids.worker, one.options.connection_ids.workers) == (0, 2)
    assert (other.options.connection_ids.worker, other.options.connection_ids.workers) == (1, 2)
    assert one.options.keys == other.options.keys
    assert (one.options.max_half_open, one.options.max_half_open_of_address) == (4, 2)
    descriptors = [each.sockets[1].fileno() for each in made.listeners]
    assert other.listeners == descriptors
    assert {each.url for each in made.listeners} == {
        f"quic://127.0.0.1:{each.sockets[1].getsockname()[1]}" for each in made.listeners
    }
    assert [each["pid"] for each in made.status()] == [None, None]
    await made.close()
