"""The common form of the responses to queries: one buffer. [MS-SMB2] 2.2.34, 2.2.36, 2.2.38"""

from typing import ClassVar

from smbquic.wire.layout import U16, U32, Payload, length_of, offset_of
from smbquic.wire.message import Message, message


@message(9)
class OutputResponse(Message):
    """A response with one buffer, whose format depends on the request.

    `decode` sets `buffer` to a slice of the message, not a copy.
    """

    output_buffer_offset: ClassVar = offset_of("buffer", U16)
    output_buffer_length: ClassVar = length_of("buffer", U32)
    buffer: Payload = b""
