"""Limits, sizes and times of the server, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

from importlib import import_module

import pytest

NUMBERS = {
    # docs/security.md
    "dispatch._MAX_HELD": 4 << 20,
    "handlers.session_setup.UNAUTHENTICATED_SESSIONS": 4,
    "notify.watch._MAX_CHANGES": 1000,
    "opens.durable_handles._LONGEST": 300.0,
    "opens.oplocks.MAX_GRANTS": 128,
    "overload.connection_limiter.MINIMUM_TIME": 1.0,
    "overload.disk_monitor.SLOW_OPERATION": 0.02,
    "overload.disk_monitor.SLOW_PERIOD": 60.0,
    "overload.disk_monitor.SMALL_READ": 1 << 20,
    "overload.disk_monitor.SMALL_WRITE": 1 << 20,
    "overload.loop_monitor.HELD": 0.01,
    "overload.memory.OPEN": 5 << 10,
    "overload.open_file_budget.MOST": 131_072,
    "overload.open_file_budget.PER_OPEN": 3,
    "overload.scheduler.MAX_POSTPONED": 512,
    "overload.scheduler.MAX_POSTPONED_BYTES": 4 << 20,
    "overload.scheduler.MAX_POSTPONED_OF_ADDRESS": 64,
    "overload.scheduler.TIME_SLICE": 0.001,
    "rpc.association._MAX_CONTEXTS": 32,
    "rpc.association._MAX_STUB": 64 << 10,
    "security.descriptor_cache.CAPACITY": 100_000,
    # docs/security.md: 65,536 locks or 4,096 watches fill 16 MiB
    "overload.budget.LOCK": 256,
    "overload.budget.WATCH": 4096,
    # docs/explanation/performance.md
    "overload.heap.KEPT": 16 << 20,
    # [MS-SMB2] 3.3.3: what a server lets one client copy
    "handlers.fsctl.server_side_copy.MAX_CHUNKS": 256,
    "handlers.fsctl.server_side_copy.MAX_CHUNK": 1 << 20,
    "handlers.fsctl.server_side_copy.MAX_COPY": 16 << 20,
    # [MS-SMB2] 3.3.5.2.10, 2.2.26
    "opens.channel_sequence._SEQUENCES": 1 << 16,
    "opens.channel_sequence._NEWER": 0x7FFF,
    "opens.channel_sequence._LOCK_SEQUENCES": 64,
    # [MS-FSA] 2.1.5.1
    "opens.create._NEVER_GRANTED": 0x0CE0FE00,
    "opens.create._VALID_ATTRIBUTES": 0x7FB7,
    "opens.create._VALID_OPTIONS": 0xFFFFFF,
    "opens.create._VALID_SHARE_ACCESS": 7,
    # [MS-FSA] 2.1.4.17
    "opens.times._DELAY": 2.0,
    # What the length of all extended attributes of a file can say
    "opens.extended_attributes._MAX_SIZE": 65_530,
    "opens.extended_attributes.MAX_COUNT": 256,
    # [C706] 12.6
    "rpc.association.MAX_FRAGMENT": 5840,
    "rpc.association._LEAST_FRAGMENT": 1432,
    "rpc.pipe._LONGEST_ANSWER": 1 << 20,
    # [MS-FSCC] 2.4.38
    "handlers.pipe._ALLOCATION": 4096,
    "handlers.pipe._UNLIMITED": 0xFFFFFFFF,
    # [MS-FSCC] 2.3.46: 16 bytes before the data
    "handlers.pipe._PEEK_SIZE": 16,
    # [MS-SMB2] 2.2.32.2, 2.2.32.1
    "handlers.ioctl._SNAPSHOTS_SIZE": 16,
    "handlers.fsctl.server_side_copy._LIMITS_SIZE": 12,
    # Offsets are signed and of 64 bits
    "handlers.read.MAX_OFFSET": 2**63 - 1,
    "handlers.fsctl.sparse._MAX_RANGES": 1024,
    "handlers.set_info._MAX_BUFFER": 128 << 10,
    # [MS-FSCC] 2.5.7
    "handlers.volume_information._SECTOR": 512,
    "handlers.volume_information._PAGE": 4096,
    "handlers.volume_information._LARGEST_UNIT": 2**31,
    # [MS-SMB2] 2.2.32.5
    "handlers.fsctl.network_interfaces._DEFAULT_SPEED": 1_000_000_000,
    # [MS-FSCC] 2.1.6
    "share._LONGEST": 80,
    # [MS-SMB2] 3.3.5.2.7.2: 0xFFFFFFFF is the tree of the request before
    "session._LAST_TREE_ID": 0xFFFFFFFE,
    # Windows 10 and Windows Server 2016
    "rpc.services._VERSION": (10, 0),
    # [MS-DTYP] 2.4.2.4
    "security.accounts._NT_AUTHORITY": 5,
    "security.accounts._FIRST_USER": 1000,
    "security.accounts._DOMAIN_USERS": 513,
    "security.accounts._DOMAIN_GUESTS": 514,
    "security.security_descriptors._UNIX": 22,
    "security.security_descriptors._UNIX_USER": 1,
    "security.security_descriptors._UNIX_GROUP": 2,
    "security.security_descriptors.MAX_ACES": 1024,
    "patterns._MAX_LENGTH": 255,
    # Measured, or chosen.
    "connection._AFTER_EXPIRY": 1.0,
    "dispatch.TIME_SLICE": 0.002,
    "drain.CHECK_INTERVAL": 0.1,
    "drain.IDLE_TIMEOUT": 0.5,
    "drain.IDLE_TIMEOUT_WITH_OPENS": 2.0,
    "handlers.query_directory.TIME_SLICE": 0.002,
    "handlers.query_directory._LEAST": 3,
    "notify.notifier._MOVE_TIMEOUT": 0.05,
    "notify.notifier._WATCHED_AT_ONCE": 256,
    "overload.batches.BATCH": 128,
    "overload.budget.CHANGE": 128,
    "overload.budget.PIPE": 4096,
    "overload.budget.SESSION": 4096,
    "overload.budget.TREE": 512,
    "overload.heap.LARGEST": 9 << 20,
    "overload.heap.QUIET_SECONDS": 3,
    "overload.heap.WORTHWHILE": 16 << 20,
    "overload.loop_monitor.LOG_INTERVAL": 10.0,
    "overload.loop_monitor.LONG": 0.25,
    "overload.memory.CONNECTION": 80 << 10,
    "overload.memory.DESCRIPTORS": 32 << 20,
    "overload.memory.ENGINE": 320 << 10,
    "overload.memory.PROGRAM": 128 << 20,
    "overload.open_file_budget.RESERVED": 64,
    "overload.scheduler.BUSY_TIME": 0.002,
    "overload.scheduler.COUNT_INTERVAL": 0.01,
    "overload.scheduler.CROWDED": 32,
    "overload.scheduler.RETRY_INTERVAL": 0.05,
    "overload.scheduler.SAVED_TIME": 0.1,
    "overload.slow_peers.INTERVAL": 1.0,
    "rpc.pipe.TIME_SLICE": 0.002,
    "security.descriptor_cache.LIFETIME": 1.0,
    "server.THREADS": 64,
}


@pytest.mark.parametrize(("name", "value"), NUMBERS.items())
def test_numbers(name: str, value: object) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(f"smbquic.server.{module}"), constant) == value
