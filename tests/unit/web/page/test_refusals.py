"""Why a client was refused, in sentences."""

from typing import Any

import pytest

from smbquic.gateway.refusals import GatewayRefusal
from smbquic.overload.refusals import ServerRefusal
from smbquic.transport.refusals import ListenerRefusal
from smbquic.web.page.refusals import REFUSALS, explanation, is_refusal


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"event": "refusal", "reason": "busy"},
            "The client was not answered: unauthenticated clients have used up their share of the"
            " processor.",
        ),
        ({"event": "disconnection", "reason": "memory"}, "The client was disconnected: too much"),
        ({"event": "disconnection", "reason": "of another version"}, "of another version."),
        (
            {"event": "handshake-failure", "reason": "expired", "message": "'x' expired on"},
            "'x' expired on. Renew the certificate, and check the clock of the client.",
        ),
        ({"event": "handshake-failure", "reason": "other", "message": "odd"}, "odd."),
        (
            {"event": "access-decision", "granted": False, "message": "no rule allows 'x'"},
            "no rule allows 'x'. Add a rule",
        ),
        (
            {"event": "logon-failure", "status": "STATUS_LOGON_FAILURE", "message": "wrong"},
            "wrong. The user's name or the password is wrong.",
        ),
        (
            {"event": "share-denial", "status": "STATUS_BAD_NETWORK_NAME"},
            "There is no share of this name, or its folder is gone.",
        ),
        ({"event": "share-denial", "status": "0xC1234567"}, "0xC1234567."),
    ],
)
def test_explanations(record: dict[str, Any], expected: str) -> None:
    assert is_refusal(record)
    assert expected in (explanation(record) or "")


@pytest.mark.parametrize(
    "record",
    [
        {"event": "connection"},
        {"event": "logon", "user": "alice"},
        {"event": "disconnection"},
        {"event": "access-decision", "granted": True, "message": "fine"},
        {},
    ],
)
def test_what_is_no_refusal(record: dict[str, Any]) -> None:
    assert not is_refusal(record)
    assert explanation(record) is None


def test_every_reason_has_a_text() -> None:
    every = [*ServerRefusal, *GatewayRefusal, *ListenerRefusal]
    assert len(REFUSALS) == len(every)
    for each in every:
        assert each.text in (explanation({"event": "refusal", "reason": str(each)}) or "")
