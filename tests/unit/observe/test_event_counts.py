from smbquic.observe.event_counts import MAX_DETAILS, OTHER, EventCounts


def test_events_are_counted_by_what_tells_them_apart() -> None:
    counts = EventCounts()
    counts.add("logon-failure", {"status": "STATUS_LOGON_FAILURE", "user": "alice"})
    counts.add("logon-failure", {"status": "STATUS_LOGON_FAILURE", "user": "bob"})
    counts.add("logon-failure", {"status": "STATUS_ACCOUNT_LOCKED_OUT"})
    counts.add("handshake-failure", {"reason": "unknown-ca", "server_name": "x"})
    counts.add("connection", {"transport": "tcp"})
    counts.add("logon", {"user": "alice"})
    assert counts.of("logon-failure") == {
        "STATUS_LOGON_FAILURE": 2,
        "STATUS_ACCOUNT_LOCKED_OUT": 1,
    }
    assert counts.of("handshake-failure") == {"unknown-ca": 1}
    assert counts.of("connection") == {"tcp": 1}
    assert counts.of("logon") == {"": 1}


def test_what_never_happened_has_no_counts() -> None:
    assert EventCounts().of("logon") == {}


def test_however_many_details_there_are_the_counts_are_bounded() -> None:
    counts = EventCounts()
    for number in range(10 * MAX_DETAILS):
        counts.add("handshake-failure", {"reason": f"reason {number}"})
    found = counts.of("handshake-failure")
    assert len(found) == MAX_DETAILS + 1
    assert found[OTHER] == 9 * MAX_DETAILS
