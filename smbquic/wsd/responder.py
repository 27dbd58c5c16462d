"""Decides which messages of strangers are answered, and with what.

Anybody on the local network can send them, under the address of somebody else, too: answers are
few, and little longer than what they answer.
"""

from collections.abc import Callable

from smbquic.token_bucket import TokenBucket
from smbquic.wsd import namespaces as ns
from smbquic.wsd.envelope import Envelope, EnvelopeError, parse_envelope
from smbquic.wsd.messages import WsdMessages

READ_RATE = 100.0
"""Messages in a second that are read, of all senders together, and after a time with none."""
ANSWER_RATE = 20.0
"""Answers in a second, to all senders together, and after a time with none."""
MAX_FACTOR = 3
"""How many times as long as its request an answer over UDP may be."""
MAX_IDS = 1024
"""Ids of answered messages that are kept: a message often comes several times."""


class WsdResponder:
    """Answers the messages for one server. `clock` returns seconds of a monotonic clock."""

    def __init__(self, messages: WsdMessages, clock: Callable[[], float]) -> None:
        self.messages = messages
        self._clock = clock
        self._reads = TokenBucket(READ_RATE, READ_RATE)
        self._answers = TokenBucket(ANSWER_RATE, ANSWER_RATE)
        self._answered: dict[str, None] = {}

    def answer_datagram(self, datagram: bytes, url: str) -> bytes | None:
        """Return the answer to a Probe or Resolve; `url` is where the metadata are."""
        request = self._read(datagram)
        if request is None or request.message_id in self._answered:
            return None
        answer = self._matches(request, url)
        if answer is None or len(answer) > MAX_FACTOR * len(datagram):
            return None
        if not self._answers.take(self._clock()):
            return None
        self._answered[request.message_id] = None
        if len(self._answered) > MAX_IDS:
            del self._answered[next(iter(self._answered))]
        return answer

    def answer_get(self, body: bytes) -> bytes | None:
        """Return the metadata, if a Get asks for them."""
        request = self._read(body)
        if request is None or request.action != ns.GET or not self._answers.take(self._clock()):
            return None
        return self.messages.metadata(request.message_id)

    def _matches(self, request: Envelope, url: str) -> bytes | None:
        if request.action == ns.PROBE and request.types <= ns.TYPES and not request.scopes:
            return self.messages.probe_matches(request.message_id)
        if request.action == ns.RESOLVE and request.endpoint == self.messages.endpoint:
            return self.messages.resolve_matches(request.message_id, url)
        return None

    def _read(self, message: bytes) -> Envelope | None:
        """Return what a message says, unless it is none, or one too many."""
        if not self._reads.take(self._clock()):
            return None
        try:
            return parse_envelope(message)
        except EnvelopeError:
            return None
