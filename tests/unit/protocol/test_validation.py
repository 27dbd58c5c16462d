"""What a client asks to be sure of the negotiation. [MS-SMB2] 3.2.5.5"""

from smbquic.protocol.validation import validation_request
from smbquic.wire.file_id import FileId
from smbquic.wire.ioctl import IoctlRequest, ValidateNegotiateInfoRequest
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, NegotiateRequest, SecurityMode


def test_what_is_asked() -> None:
    dialects: list[int] = [Dialect.SMB_2_1, Dialect.SMB_3_0]
    negotiate = NegotiateRequest(
        dialects=dialects,
        security_mode=SecurityMode.SIGNING_REQUIRED,
        capabilities=GlobalCapabilities.LARGE_MTU,
        client_guid=b"G" * 16,
    )
    info = ValidateNegotiateInfoRequest(
        GlobalCapabilities.LARGE_MTU, b"G" * 16, SecurityMode.SIGNING_REQUIRED, dialects
    )
    # FSCTL_VALIDATE_NEGOTIATE_INFO, of no file; the answer has 24 bytes.
    expected = IoctlRequest(0x00140204, FileId.RELATED, 0, 24, 1, info.encode())
    assert validation_request(negotiate) == expected
