import subprocess
import sys

import pytest

from smbquic.client.first_messages import MESSAGES, OF_EACH_REQUEST, prepared_protocol
from smbquic.protocol.settings import ClientSettings
from smbquic.wire.negotiate import NegotiateRequest
from smbquic.wire.negotiate_contexts import TransportCapabilities

COUNTED = """
from smbquic.client.first_messages import compile_steps
print(*(len(list(compile_steps())) for _ in range(2)))
"""


def test_each_class_is_compiled_once() -> None:
    # In a program of its own, as those of this one have been used by other tests.
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, timeout=60, check=True
    )
    first, again = map(int, done.stdout.split())
    assert (first, again) == (len(MESSAGES) + len(OF_EACH_REQUEST), 0)


@pytest.mark.parametrize("quic", [True, False])
def test_the_protocol_of_a_connection_is_made_with_its_first_message(quic: bool) -> None:
    protocol = prepared_protocol(
        ClientSettings(client_guid=bytes(16)), quic=quic, server_name="fs.example"
    )
    sent = protocol.negotiate()
    assert protocol.in_flight == 1
    request = NegotiateRequest.decode(memoryview(b"".join(sent.buffers)))
    of_quic = any(isinstance(each, TransportCapabilities) for each in request.contexts)
    assert of_quic is quic
