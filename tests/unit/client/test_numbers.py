"""Limits, sizes and times of the client, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import defaults_of, numbers_of

NUMBERS = {
    # docs/explanation/performance.md
    "CHUNK": [1 << 20],
    "WINDOW": [16],
    "FIRST_READ": [65_536],
    "TEXT_CHUNK": [8192],
    "_FIELD": [64],
    "_MASK": [(1 << 64) - 1],
    # [MS-SRVS] 2.2.2.4: the bits that say what a share is
    "_KIND_BITS": [3],
    # The fragments of Windows
    "_CHUNK": [4280],
    "MOST_SHARES": [65_536],
    "_MAX_STUB": [16 << 20],
    # [RFC9000] 14.1; [RFC9000] 15: a version of this form is never used
    "_DATAGRAM": [1200],
    "_NO_VERSION": [0x1A2A3A4A],
    "_UDP_TRIES": [3],
    "ECHO_INTERVAL": [10.0],
    "RESPONSE_TIMEOUT": [60.0],
    "PAGE": [1 << 20],
    "LONGEST_LISTING": [512 << 20],
    "_ENTRY_MEMORY": [256],
    "STALL": [0.005],
    "FIRST_DELAY": [0.02, 0.2, 0.25, 1.0],
    "CLOSES_ALLOWED": [3],
    "LONGEST_DELAY": [0.5, 1.0, 2.0, 5.0, 60.0],
    "LOSSES_ALLOWED": [5],
    "REPLAYS": [60],
    # [MS-SMB2] 3.3.5.5: as many as a session of Windows has connections
    "MOST_ADDRESSES": [32],
    "_OUTPUT": [65_536],
    "CONCURRENCY": [16],
    "LARGE": [16 << 20],
    "UNDER_WAY": [64 << 20],
    "WRITE_BACK": [64 << 20],
    "MARGIN": [16 << 20],
    "SAMPLE": [16 << 10],
    "SAMPLES": [48],
    "IN_USE": [60.0],
    "FOLDERS": [32],
    "BURST": [0.1],
    "_BLOCK": [1 << 20],
    # [MS-SMB2] 3.3.3, as in Windows; 2.2.32.3; 2.2.32.1
    "MOST_CHUNKS": [256],
    "LARGEST_CHUNK": [1 << 20],
    "LARGEST_COPY": [16 << 20],
    "_KEY_SIZE": [32],
    "_RESULT_SIZE": [12],
    "AHEAD": [16, 2],
    "ANSWER": [1 << 16],
    "MOST_CHANGES": [16_384],
    "NEW_NAME_TIMEOUT": [1.0],
    # [MS-FSCC] 2.4.16, 2.1.2.1; [MS-SMB2] 2.2.32.2
    "_LONGEST_NAME": [254],
    "_MOST_BYTES": [65_535],
    "_LONGEST": [16_384],
    "_HEAD": [16],
    "MOST_BYTES": [1 << 20],
    "SIZES": [(1 << 16, 1 << 20)],
    "_LINES": [1],
    "_RESPONSE_SIZE": [1024],
    "CANCELLATION_TIMEOUT": [5.0],
    "CLOSE_TIMEOUT": [5.0],
    "CREDIT_SIZE": [1 << 16],
    "UNSOLICITED": [0xFFFF_FFFF_FFFF_FFFF],
    "_RESPONSE": [1 << 16],
    "HEAD_START": [1.0],
    "TIMEOUT": [10.0],
    "ATTEMPTS": [3],
    "HEADER_SIZE": [16],
    # The mount; the values of the kernel's headers are in it as they are
    "BLOCK_SIZE": [1 << 20],
    "MOST": [4096, 8192],
    "THREADS": [64],
    "LONGEST_NAME": [255],
    "INTERRUPT_INTERVAL": [0.1],
    "MOST_WAITING": [32],
    "DIRECT_IO_ALLOW_MMAP": [1 << 28],
    "UTIME_NOW": [(1 << 30) - 1],
    "UTIME_OMIT": [(1 << 30) - 2],
    # The cache
    "BLOCK": [65_536],
    "MOST_UNSENT": [4 << 20],
    "FIRST_AHEAD": [256 << 10],
    "MOST_AHEAD": [4 << 20],
    "LIST_AFTER": [3],
    "_MOST_CHANGED": [1000],
    "_EPOCHS": [1 << 16],
    "_NEWER": [1 << 15],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.client")[name] == values


DEFAULTS = {
    # As of the builtin `open` and of `io`: everything, and buffers as large as they may be
    **{f"{kind}.read(size)": -1 for kind in ("File", "BufferedFile", "TextFile")},
    **{f"{kind}.readline(size)": -1 for kind in ("BufferedFile", "TextFile")},
    "ShareFiles.open(buffering)": -1,
    "BufferedFile._fill(ahead)": True,
    "File.lock(exclusive)": True,
    "File.lock(blocking)": True,
    **{
        f"{name}(durable)": True
        for name in (
            *("RemotePartialFile.begin", "RemoteResumablePart.begin"),
            *("reopening.open_file", "Reopening.__init__"),
        )
    },
    "Share.walk(topdown)": True,
    "tree_sync.sync_tree(delete)": True,
    "concurrency.run_to_completion(timeout)": 5.0,
    "ProbeOptions.timeout": 10.0,
    "transports.connect_transport(timeout)": 10.0,
    "_Translator._take(count)": 1,
    "CacheLimits.entries": 100_000,
    "CacheLimits.folders": 256,
    "CacheLimits.bytes": 64 << 20,
    "CacheLimits.files": 64,
    "CacheLimits.idle_seconds": 30.0,
    "CacheLimits.listed_seconds": 5.0,
    "CacheLimits.pause": 0.5,
    "Ownership.file_mode": 0o644,
    "Ownership.dir_mode": 0o755,
    # As of fsspec's classes
    "BufferedSmbFile.__init__(autocommit)": True,
    "SmbQuicFileSystem._open(autocommit)": True,
    "SmbQuicFileSystem._touch(truncate)": True,
    "SmbQuicFileSystem.touch(truncate)": True,
    "SmbQuicFileSystem._mkdir(create_parents)": True,
    "ReadingFileSystem._du(total)": True,
    "ReadingFileSystem._ls(detail)": True,
    # As of smbprotocol's functions and classes, except for the port
    "SmbprotocolConnection.__init__(port)": 443,
    "SmbprotocolConnection.__init__(require_signing)": True,
    "SmbprotocolConnection.disconnect(close)": True,
    "RegisterOptions.port": 443,
    "smbprotocol.register(port)": 443,
    "smbprotocol.unregister(port)": 443,
    "smbprotocol.register(timeout)": 10.0,
}


def test_all_other_defaults_are_zero_or_false() -> None:
    assert defaults_of("smbquic.client") == DEFAULTS
