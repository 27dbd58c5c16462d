"""The steps of a client's logon: the tokens of SESSION_SETUP, and the keys that they agree on.

[MS-SMB2] 3.2.4.2.3, 3.2.5.3. What the server has proved decides whether there is a session: only
the signature of its final response shows that it knows the password.
"""

from collections.abc import Callable

from smbquic.auth.spnego.initiator import Initiator
from smbquic.crypto.keys import (
    SESSION_KEY_SIZE,
    derive_channel_signing_key,
    derive_session_keys,
)
from smbquic.crypto.signing import Signer
from smbquic.errors import AuthenticationError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.negotiation import Negotiated, security_mode
from smbquic.protocol.protection import Protection
from smbquic.protocol.response import Response
from smbquic.protocol.session_state import SessionEvent
from smbquic.protocol.settings import ClientSettings, EncryptionPolicy
from smbquic.wire.negotiate import GlobalCapabilities
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)


def session_setup_request(
    session: ClientSession, token: bytes, settings: ClientSettings
) -> SessionSetupRequest:
    """Return the SESSION_SETUP that carries a token of the client. [MS-SMB2] 3.2.4.2.3"""
    return SessionSetupRequest(
        flags=SessionSetupFlags(0) if session.binds is None else SessionSetupFlags.BINDING,
        security_mode=security_mode(settings.signing_required),
        capabilities=GlobalCapabilities(0),
        channel=0,
        previous_session_id=session.previous_session_id,
        security_buffer=token,
    )


def next_token(session: ClientSession, response: Response) -> bytes | None:
    """Return what the client has to send next, None if the response was the final one.

    Raises `AuthenticationError` if the server refuses, `SecurityError` if it breaks the rules of
    a logon.
    """
    if response.status not in (NtStatus.SUCCESS, NtStatus.MORE_PROCESSING_REQUIRED):
        raise AuthenticationError(
            f"the server refuses the logon: {response.status.meaning}", response.status
        )
    body: SessionSetupResponse = response.body
    if session.id not in (0, response.header.session_id):
        raise SecurityError("the server changed the session's id in the middle of a logon")
    session.id = response.header.session_id
    if response.status == NtStatus.SUCCESS:
        _check_complete(session.initiator, bytes(body.security_buffer))
        return None
    session.preauth.update(response.raw)
    token = session.initiator.step(bytes(body.security_buffer))
    if not token:
        raise SecurityError("the server asks for more after the client's last token")
    return token


def _check_complete(initiator: Initiator, token: bytes) -> None:
    """Raise `SecurityError` unless the server's last token completes the security context.

    A server cannot know a key that depends on the client's proof before it has that proof.
    """
    if len(initiator.session_key) < SESSION_KEY_SIZE:
        raise SecurityError("the server ended the logon before the client proved its password")
    if token or not initiator.complete:
        initiator.step(token)
    if not initiator.complete:
        raise SecurityError("the server ended the logon before the security context was ready")


def establish(
    session: ClientSession,
    response: Response,
    negotiated: Negotiated,
    settings: ClientSettings,
    random: Callable[[int], bytes],
) -> None:
    """Give a session its keys and flags after the final response of its first logon.

    Raises `AuthenticationError` for a guest's session that the settings do not allow,
    `SecurityError` if the response is not signed as it has to be. [MS-SMB2] 3.2.5.3.1
    """
    flags: SessionFlags = response.body.session_flags
    must_encrypt = settings.encryption is EncryptionPolicy.REQUIRED
    session.guest = bool(flags & (SessionFlags.IS_GUEST | SessionFlags.IS_NULL))
    if session.guest:
        # Everybody knows the key of a guest, so it protects nothing.
        if not settings.guest_allowed or must_encrypt:
            raise AuthenticationError(
                "the server did not accept the password and offers a guest's session, which is"
                " neither signed nor encrypted: check the user's name"
            )
    else:
        session.protection = _derive_protection(session, negotiated, random)
        session.signing_required = negotiated.signing_required
        session.encrypt_data = must_encrypt or bool(flags & SessionFlags.ENCRYPT_DATA)
        _verify_final(session.protection, response)
    session.change(SessionEvent.LOGGED_ON)


def bind(binding: ClientSession, response: Response, negotiated: Negotiated) -> Protection:
    """Return the keys of a session on the connection that it was bound to by the final response.

    Raises `SecurityError` if the response is a guest's, or not signed with the key of the new
    channel. [MS-SMB2] 3.2.5.3.3
    """
    assert binding.protection is not None
    if response.body.session_flags & (SessionFlags.IS_GUEST | SessionFlags.IS_NULL):
        raise SecurityError("the server has bound a connection to the session as a guest's")
    key = derive_channel_signing_key(
        negotiated.dialect, binding.initiator.session_key, preauth_hash=binding.preauth.value
    )
    protection = binding.protection.for_channel(Signer(negotiated.signing_algorithm, key))
    _verify_final(protection, response)
    return protection


def _derive_protection(
    session: ClientSession, negotiated: Negotiated, random: Callable[[int], bytes]
) -> Protection:
    keys = derive_session_keys(
        negotiated.dialect,
        session.initiator.session_key,
        cipher=negotiated.cipher,
        preauth_hash=session.preauth.value,
    )
    return Protection.of_session(
        session.id,
        keys,
        negotiated.signing_algorithm,
        negotiated.cipher,
        server=False,
        random=random,
    )


def _verify_final(protection: Protection, response: Response) -> None:
    """Raise `SecurityError` unless the final response is signed with the session's key.

    Only that signature proves that the server knows the password, whether or not anything else is
    signed later. In 3.1.1 the key depends on the preauthentication hash, so the signature proves
    the whole negotiation, too. [MS-SMB2] 3.2.5.3.1
    """
    if not response.header.is_signed:
        raise SecurityError("the server did not sign the end of the logon")
    if not protection.verify(response.raw, response.header):
        raise SecurityError(
            "the signature of the logon's end is wrong: the negotiation was changed on its"
            " way, or the server does not know the password"
        )
