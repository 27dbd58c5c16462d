"""The reasons of the gateway, and the page that lists them."""

from pathlib import Path

from smbquic.gateway.refusals import GatewayRefusal, Refused

AUDIT_PAGE = Path(__file__).parents[3] / "docs/reference/audit.md"


def test_the_reference_of_audit_records_has_every_reason() -> None:
    page = AUDIT_PAGE.read_text("utf-8")
    assert [each for each in GatewayRefusal if f"`{each}`" not in page] == []


def test_a_refusal_has_its_reason_and_what_was_wrong() -> None:
    assert str(Refused(GatewayRefusal.NO_BACKEND)) == GatewayRefusal.NO_BACKEND.text
    refused = Refused(GatewayRefusal.MALFORMED, "NextCommand is 3")
    assert (str(refused), refused.reason) == ("NextCommand is 3", GatewayRefusal.MALFORMED)
