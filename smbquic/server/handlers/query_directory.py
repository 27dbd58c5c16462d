"""QUERY_DIRECTORY: what is in a folder. [MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3

A listing is read from the disk as the client asks for it, and what it costs does not grow with
the folder: an open holds an iterator and at most one entry that did not fit into a response.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Answer
from smbquic.server.patterns import compile_expression, has_wildcards, is_valid
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.query_directory import (
    QueryDirectoryFlags,
    QueryDirectoryRequest,
    QueryDirectoryResponse,
)

if TYPE_CHECKING:
    from smbquic.protocol.request import Request
    from smbquic.server.context import Context
    from smbquic.server.open import Open
    from smbquic.storage.base import FileStat
