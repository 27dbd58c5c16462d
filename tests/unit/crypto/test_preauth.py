from smbquic.crypto.preauth import PreauthHash
from tests.unit.crypto.sessions import Exchange


def test_starts_at_zero() -> None:
    assert PreauthHash().value == bytes(64)


def test_follows_microsofts_exchange(exchange: Exchange) -> None:
    preauth = PreauthHash()
    for message, expected in exchange.steps:
        preauth.update(message)
        assert preauth.value == expected


def test_a_message_may_be_scattered(exchange: Exchange) -> None:
    message, expected = exchange.steps[0]
    preauth = PreauthHash()
    preauth.update(message[:64], bytearray(message[64:70]), memoryview(message)[70:])
    assert preauth.value == expected


def test_a_copy_goes_its_own_way(exchange: Exchange) -> None:
    (first, after_first), (second, after_second), *_ = exchange.steps
    connection = PreauthHash()
    connection.update(first)
    session = connection.copy()
    session.update(second)
    assert session.value == after_second
    assert connection.value == after_first
