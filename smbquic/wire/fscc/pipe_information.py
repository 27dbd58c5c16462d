"""What is asked of and set on named pipes. [MS-FSCC] 2.4.37 to 2.4.39"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar

from smbquic.wire.fscc.fixed import FixedStructure

_PIPE = Struct("<II")
_LOCAL = Struct("<IIIIIIIIII")
_REMOTE = Struct("<QI")


class PipeMode(IntEnum):
    """How a pipe is read, and what kind of pipe it is. [MS-FSCC] 2.4.37, 2.4.38"""

    BYTE_STREAM = 0
    MESSAGE = 1


class PipeConfiguration(IntEnum):
    """Which ways data goes, without the FILE_PIPE_ prefix. [MS-FSCC] 2.4.38"""

    INBOUND = 0
    OUTBOUND = 1
    FULL_DUPLEX = 2


class PipeState(IntEnum):
    """State of a pipe, without the FILE_PIPE_ prefix. [MS-FSCC] 2.4.38"""

    DISCONNECTED_STATE = 1
    LISTENING_STATE = 2
    CONNECTED_STATE = 3
    CLOSING_STATE = 4


@dataclass(slots=True)
class PipeInformation(FixedStructure):
    """FILE_PIPE_INFORMATION; `read_mode` compares with `PipeMode`. [MS-FSCC] 2.4.37

    `completion_mode` is 1 if nothing blocks.
    """

    layout: ClassVar[Struct] = _PIPE
    SIZE: ClassVar[int] = _PIPE.size
    read_mode: int
    completion_mode: int


@dataclass(slots=True)
class PipeLocalInformation(FixedStructure):
    """FILE_PIPE_LOCAL_INFORMATION. [MS-FSCC] 2.4.38

    Compare with `PipeMode`, `PipeConfiguration` and `PipeState`; `named_pipe_end` is 1 at the
    server. Quotas are bytes.
    """

    layout: ClassVar[Struct] = _LOCAL
    SIZE: ClassVar[int] = _LOCAL.size
    named_pipe_type: int
    named_pipe_configuration: int
    maximum_instances: int
    current_instances: int
    inbound_quota: int
    read_data_available: int
    outbound_quota: int
    write_quota_available: int
    named_pipe_state: int
    named_pipe_end: int


@dataclass(slots=True)
class PipeRemoteInformation(FixedStructure):
    """FILE_PIPE_REMOTE_INFORMATION; units of 100 ns, and bytes. [MS-FSCC] 2.4.39"""

    layout: ClassVar[Struct] = _REMOTE
    SIZE: ClassVar[int] = _REMOTE.size
    collect_data_time: int
    maximum_collection_count: int
