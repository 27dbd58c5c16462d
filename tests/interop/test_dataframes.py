"""pandas, pyarrow and dask with URLs of our server, each where it is installed."""

from collections.abc import Iterator
from typing import Any

import pytest

from smbquic.client.fsspec import SmbQuicFileSystem
from tests.fsspec_thread import fsspec_thread  # noqa: F401  (a fixture)
from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess, empty


@pytest.fixture(scope="module")
def _fs(_server: ServerProcess, fsspec_thread: None) -> Iterator[SmbQuicFileSystem]:  # noqa: F811
    fs = SmbQuicFileSystem(
        host="localhost",
        port=_server.ports["quic"],
        user=USER,
        password=PASSWORD,
        ca=_server.pki.ca,
    )
    fs.ls(f"/{SHARE}")
    yield fs
    fs.close()


@pytest.fixture
def fs(_fs: SmbQuicFileSystem, server: ServerProcess) -> SmbQuicFileSystem:
    empty(server.share)
    return _fs


@pytest.fixture
def url(fs: SmbQuicFileSystem) -> str:
    return fs.unstrip_protocol(f"/{SHARE}")


@pytest.fixture
def options(fs: SmbQuicFileSystem, server: ServerProcess) -> dict[str, Any]:
    """What a program says besides the URL: so it gets the connection that is there."""
    return {"password": PASSWORD, "ca": server.pki.ca}


def test_pandas_reads_and_writes_csv(url: str, options: dict[str, Any]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"name": ["a", "b"], "size": [1, 2]})
    frame.to_csv(f"{url}/table.csv", index=False, storage_options=options)
    read = pandas.read_csv(f"{url}/table.csv", storage_options=options)
    assert read.equals(frame)
    with pytest.raises(FileNotFoundError):
        pandas.read_csv(f"{url}/missing.csv", storage_options=options)


def test_pandas_reads_and_writes_parquet(url: str, options: dict[str, Any]) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"number": range(100_000), "word": ["ab"] * 100_000})
    frame.to_parquet(f"{url}/table.parquet", storage_options=options)
    read = pandas.read_parquet(f"{url}/table.parquet", storage_options=options, columns=["number"])
    assert read["number"].sum() == sum(range(100_000))


def test_pyarrow_reads_a_folder_of_files(fs: SmbQuicFileSystem) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    arrow_fs = pytest.importorskip("pyarrow.fs")
    table = pyarrow.table({"year": [2024, 2025, 2025], "value": [1, 2, 3]})
    there = arrow_fs.PyFileSystem(arrow_fs.FSSpecHandler(fs))
    dataset.write_dataset(
        table, f"/{SHARE}/set", format="parquet", partitioning=["year"], filesystem=there
    )
    read = dataset.dataset(f"/{SHARE}/set", partitioning=["year"], filesystem=there)
    assert sorted(read.to_table(filter=dataset.field("year") == 2025)["value"].to_pylist()) == [
        2,
        3,
    ]
    assert there.get_file_info(f"/{SHARE}/set").type == arrow_fs.FileType.Directory


def test_dask_reads_the_lines_of_files(
    url: str, options: dict[str, Any], server: ServerProcess
) -> None:
    bag = pytest.importorskip("dask.bag")
    for number in range(3):
        (server.share / f"part-{number}.txt").write_text(f"one\ntwo {number}\n")
    lines = bag.read_text(f"{url}/part-*.txt", storage_options=options)
    assert lines.count().compute(scheduler="synchronous") == 6
    written = bag.from_sequence(["x", "y"], npartitions=2).to_textfiles(
        f"{url}/out-*.txt", storage_options=options, compute=False
    )
    for part in written:
        part.compute(scheduler="synchronous")
    assert (server.share / "out-1.txt").read_text().strip() == "y"
