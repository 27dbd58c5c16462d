"""Validation of the negotiation below SMB 3.1.1, where no preauthentication hash protects it.

The client asks once, in a signed request, what the server understood of NEGOTIATE, and compares.
[MS-SMB2] 3.2.5.5, 3.2.5.14.12
"""

from smbquic.errors import SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import (
    IoctlFlags,
    IoctlRequest,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse

_RESPONSE_SIZE = 24


def validation_request(negotiate: NegotiateRequest) -> IoctlRequest:
    """Return the request that asks the server what it understood of `negotiate`."""
    info = ValidateNegotiateInfoRequest(
        capabilities=negotiate.capabilities,
        guid=negotiate.client_guid,
        security_mode=negotiate.security_mode,
        dialects=negotiate.dialects,
    )
    return IoctlRequest(
        ctl_code=Fsctl.VALIDATE_NEGOTIATE_INFO,
        file_id=FileId.RELATED,
        max_input_response=0,
        max_output_response=_RESPONSE_SIZE,
        flags=IoctlFlags.IS_FSCTL,
        input=info.encode(),
    )


def check_validation(response: Response, negotiated: NegotiateResponse) -> None:
    """Raise `SecurityError` if the server's answer differs from its NEGOTIATE response.

    A signed refusal is accepted: old servers do not know the request.
    """
    if response.status != NtStatus.SUCCESS:
        return
    info = ValidateNegotiateInfoResponse.decode(memoryview(response.body.output))
    same = (
        info.capabilities == negotiated.capabilities
        and info.guid == negotiated.server_guid
        and info.security_mode == negotiated.security_mode
        and info.dialect == negotiated.dialect_revision
    )
    if not same:
        raise SecurityError(
            "the negotiation was changed in transit, perhaps by a man in the middle"
        )
