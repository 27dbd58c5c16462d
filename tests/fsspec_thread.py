"""The thread on which fsspec does its work; it would otherwise outlive the tests."""

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import fsspec.asyn
import pytest

from smbquic.client.fsspec import SmbQuicFileSystem, SmbTcpFileSystem

WORKERS = 4
"""Threads for what blocks: names of hosts, and files of this machine."""


def _started_executor() -> ThreadPoolExecutor:
    """Return an executor all of whose threads run, so that no test starts another one."""
    executor = ThreadPoolExecutor(WORKERS)
    barrier = threading.Barrier(WORKERS)
    for future in [executor.submit(barrier.wait) for _ in range(WORKERS)]:
        future.result()
    return executor


@contextmanager
def running_fsspec() -> Iterator[None]:
    """Start the thread; close what is open and end the thread with the block."""
    loop = fsspec.asyn.get_loop()
    [thread] = fsspec.asyn.iothread
    loop.set_default_executor(_started_executor())
    try:
        yield
    finally:
        for kind in (SmbQuicFileSystem, SmbTcpFileSystem):
            kind.clear_instance_cache()
        gc.collect()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        fsspec.asyn.loop[0] = fsspec.asyn.iothread[0] = None


@pytest.fixture(scope="module")
def fsspec_thread() -> Iterator[None]:
    """The thread, for the tests of a module."""
    with running_fsspec():
        yield
