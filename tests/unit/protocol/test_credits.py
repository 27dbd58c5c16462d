"""The credit window, the credit pool and the price of a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import LocalProtocolError, RemoteProtocolError
from smbquic.protocol.credits import CommandWindow, CreditPool, credit_charge, payload_size
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest

FILE = FileId(1, 2)


def read(length: int) -> ReadRequest:
    return ReadRequest(length=length, offset=0, file_id=FILE)


class TestCharge:
    @pytest.mark.parametrize(
        ("size", "charge"),
        [(0, 1), (1, 1), (65536, 1), (65537, 2), (1 << 20, 16), (8 << 20, 128)],
    )
    def test_a_credit_pays_for_64_kib(self, size: int, charge: int) -> None:
        assert credit_charge(read(size)) == charge

    def test_a_message_without_payload_costs_one(self) -> None:
        assert payload_size(EchoRequest()) == 0
        assert credit_charge(EchoRequest()) == 1

    def test_a_write_costs_what_it_carries(self) -> None:
        body = WriteRequest(offset=0, file_id=FILE, data=bytes(70000))
        assert payload_size(body) == 70000

    def test_an_ioctl_costs_the_larger_direction(self) -> None:
        body = IoctlRequest(
            ctl_code=1,
            file_id=FILE,
            max_input_response=0,
            max_output_response=100_000,
            flags=0,
            input=bytes(10),
        )
        assert credit_charge(body) == 2

    def test_a_listing_costs_its_buffer(self) -> None:
        body = QueryDirectoryRequest(
            file_information_class=37,
            flags=0,
            file_index=0,
            file_id=FILE,
            output_buffer_length=1 << 20,
            file_name="*",
        )
        assert credit_charge(body) == 16

    @pytest.mark.parametrize(("carried", "answered"), [(70_000, 10), (10, 70_000)])
    def test_a_query_costs_the_larger_direction(self, carried: int, answered: int) -> None:
        body = QueryInfoRequest(1, 15, answered, FILE, bytes(carried))
        assert payload_size(body) == 70_000
        body_of_ioctl = IoctlRequest(1, FILE, 0, answered, 0, bytes(carried))
        assert payload_size(body_of_ioctl) == 70_000

    def test_what_is_set_costs_what_it_carries(self) -> None:
        assert payload_size(SetInfoRequest(1, 15, FILE, bytes(70_000))) == 70_000

    def test_a_watch_costs_its_buffer(self) -> None:
        assert payload_size(ChangeNotifyRequest(0, 70_000, FILE, 1)) == 70_000


class TestCommandWindow:
    def test_starts_with_the_id_zero(self) -> None:
        window = CommandWindow(8)
        window.consume(0, 1)
        with pytest.raises(RemoteProtocolError, match="outside"):
            window.consume(1, 1)

    def test_an_id_is_used_once(self) -> None:
        window = CommandWindow(8)
        window.grant(5)
        window.consume(2, 1)
        with pytest.raises(RemoteProtocolError, match="used before"):
            window.consume(2, 1)
        window.consume(0, 1)
        with pytest.raises(RemoteProtocolError, match="outside"):
            window.consume(0, 1)

    def test_a_multi_credit_message_uses_consecutive_ids(self) -> None:
        window = CommandWindow(16)
        window.grant(9)
        window.consume(0, 4)
        window.consume(6, 2)
        with pytest.raises(RemoteProtocolError, match="used before"):
            window.consume(5, 2)
        window.consume(4, 2)
        window.consume(8, 2)
        assert window.held == 0

    def test_out_of_order_is_fine(self) -> None:
        window = CommandWindow(8)
        window.grant(3)
        for message_id in (3, 1, 0, 2):
            window.consume(message_id, 1)
        assert window.held == 0

    def test_a_skipped_id_stops_the_window_at_its_limit(self) -> None:
        window = CommandWindow(8)
        window.grant(100)
        for message_id in range(1, 8):
            window.consume(message_id, 1)
            assert window.grant(1) == 0
        assert window.held == 1
        window.consume(0, 1)
        assert window.grant(100) == 8

    def test_the_client_is_never_left_without_a_credit(self) -> None:
        window = CommandWindow(8)
        window.consume(0, 1)
        assert window.grant(0) == 1

    def test_what_is_asked_for_is_granted_up_to_the_limit(self) -> None:
        window = CommandWindow(8)
        for requested, granted, held in ((1, 1, 2), (2, 2, 4), (5, 4, 8), (1, 0, 8)):
            assert (window.grant(requested), window.held) == (granted, held)
        window.consume(0, 7)
        assert (window.grant(1), window.held) == (1, 2)
        window.consume(7, 2)
        assert (window.grant(0), window.held) == (1, 1)

    def test_nothing_is_granted_unasked_while_the_client_holds_some(self) -> None:
        window = CommandWindow(8)
        assert window.grant(0) == 0

    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4), st.integers(0, 10))))
    def test_agrees_with_a_plain_set(self, steps: list[tuple[int, int, int]]) -> None:
        window = CommandWindow(32)
        free, granted = {0}, 1
        for message_id, charge, requested in steps:
            ids = set(range(message_id, message_id + charge))
            if ids <= free:
                window.consume(message_id, charge)
                free -= ids
                more = window.grant(requested)
                free |= set(range(granted, granted + more))
                granted += more
            else:
                with pytest.raises(RemoteProtocolError):
                    window.consume(message_id, charge)
            assert window.held == len(free) > 0
            assert granted - min(free) <= 32


class TestCreditPool:
    def test_holds_one_credit_at_first(self) -> None:
        pool = CreditPool()
        assert pool.spend(1) == 0
        with pytest.raises(LocalProtocolError, match="1 credits wanted, 0 there"):
            pool.spend(1)

    def test_a_charge_takes_that_many_ids(self) -> None:
        pool = CreditPool()
        pool.grant(9)
        assert [pool.spend(4), pool.spend(4), pool.spend(2)] == [0, 4, 8]
        assert pool.available == 0
