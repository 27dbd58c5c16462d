"""What a failure looks like to a person."""

import pytest

from smbquic.cli.failure import ExitCode, describe, exit_code
from smbquic.errors import HandshakeError


@pytest.mark.parametrize(
    ("by_peer", "advice"),
    [
        (False, "name the authority's certificate with --ca FILE"),
        (True, "have the server trust the authority of our certificate"),
    ],
)
def test_whoever_lacks_the_authority_has_to_get_it(by_peer: bool, advice: str) -> None:
    error = HandshakeError("fs: it is unknown", "unknown-ca", by_peer=by_peer)
    assert describe(error) == f"fs: it is unknown; {advice}"
    assert exit_code(error) is ExitCode.TRANSPORT
