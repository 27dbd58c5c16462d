"""Information about named pipes, to be queried and set. [MS-FSCC] 2.4.37 to 2.4.39"""

from enum import IntEnum

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.fscc.fixed import FixedStructure
from smbquic.wire.layout import U32, U64


class PipeMode(IntEnum):
    """Read modes and types of a pipe. [MS-FSCC] 2.4.37, 2.4.38"""

    BYTE_STREAM = 0
    MESSAGE = 1


class PipeConfiguration(IntEnum):
    """Directions of the data in a pipe, without the FILE_PIPE_ prefix. [MS-FSCC] 2.4.38"""

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

    read_mode: U32
    completion_mode: U32


@dataclass(slots=True)
class PipeLocalInformation(FixedStructure):
    """FILE_PIPE_LOCAL_INFORMATION. [MS-FSCC] 2.4.38

    Compare with `PipeMode`, `PipeConfiguration` and `PipeState`; `named_pipe_end` is 1 at the
    server. Quotas are bytes.
    """

    named_pipe_type: U32
    named_pipe_configuration: U32
    maximum_instances: U32
    current_instances: U32
    inbound_quota: U32
    read_data_available: U32
    outbound_quota: U32
    write_quota_available: U32
    named_pipe_state: U32
    named_pipe_end: U32


@dataclass(slots=True)
class PipeRemoteInformation(FixedStructure):
    """FILE_PIPE_REMOTE_INFORMATION; units of 100 ns, and bytes. [MS-FSCC] 2.4.39"""

    collect_data_time: U64
    maximum_collection_count: U32
