"""The kept inputs do no harm, nothing that reads a peer's bytes is left out, and faults are found.

Without atheris: what guides the fuzzing is not needed to repeat what it found.
"""

import asyncio
import importlib.util
import logging
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.errors import WireError
from smbquic.wire.messages import REQUESTS, RESPONSES
from tests.engines import ENGINES
from tests.fuzz import __main__ as command
from tests.fuzz import corpus, datagrams, decoders, live, servers
from tests.fuzz.bodies import Bodies
from tests.fuzz.decoders import Decoder, Group
from tests.fuzz.findings import Findings
from tests.fuzz.payloads import Known
from tests.fuzz.place import FuzzPlace, Trespass
from tests.fuzz.processes import schedule
from tests.fuzz.rows import Row, table
from tests.fuzz.source import Source, spoiled
from tests.fuzz.targets import WEIGHTS, load, load_group

DECODING = ("auth", "messages", "others", "rpc", "structures")


@pytest.fixture(scope="module", autouse=True)
def _event_loop() -> Iterator[None]:
    servers.run_until_quiet(asyncio.sleep(0))  # which begins it
    yield
    servers.close()


@pytest.mark.parametrize("name", WEIGHTS)
def test_kept_inputs(name: str) -> None:
    target = load(name)
    kept = corpus.load(name)
    assert kept
    assert (corpus.FOLDER / f"{name}.txt").stat().st_size <= corpus.LIMIT
    for data in (*target.seeds(), *kept):
        target.run(data)


# --- nothing is left out ------------------------------------------------------------------------


def test_every_decoder_is_in_a_target() -> None:
    found = {each.name for each in decoders.find()}
    fuzzed = {each.name for name in DECODING for each in load_group(name).decoders}
    assert found <= fuzzed
    bodies = {body for table in (REQUESTS, RESPONSES) for body in table.values()}
    assert {
        f"{body.__module__.removeprefix('smbquic.')}.{body.__name__}" for body in bodies
    } <= found


def test_what_takes_more_than_bytes_has_to_be_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(decoders.ADAPTERS, "wire.messages.decode_request")
    with pytest.raises(LookupError, match="decode_request takes more than bytes"):
        decoders.find.__wrapped__()


def test_adapters_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(decoders.ADAPTERS, "wire.gone", Decoder("wire.gone", len))
    with pytest.raises(LookupError, match="do not exist"):
        decoders.find.__wrapped__()


@pytest.mark.parametrize("name", DECODING)
def test_samples_are_well_formed(name: str) -> None:
    for decoder in load_group(name).decoders:
        if decoder.name not in decoders.READ_ONLY:
            for sample in decoder.samples():
                decoder.decode(memoryview(sample))
                decoder.check(sample)


def test_requests_of_all_commands() -> None:
    made = {body.command for body in Bodies(Source(b""), Known()).of_every_command()}
    assert made == REQUESTS.keys()


def test_any_request_can_be_written() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        body = Bodies(Source(chance.randbytes(200)), Known()).any()
        assert body.encode()


# --- faults are found ---------------------------------------------------------------------------


def careless(data: memoryview) -> int:
    if not data:
        raise WireError("nothing")
    return data[3]


@pytest.fixture
def group() -> Group:
    return Group(
        [
            Decoder("careless", careless, lambda value: bytes([0, 0, 0, value])),
            Decoder("forgetful", bytes, lambda value: value[:2]),
        ]
    )


def given(group: Group, name: str, data: bytes) -> bytes:
    [decoder] = [each for each in group.decoders if each.name == name]
    return decoder.selector + data


def test_another_exception(group: Group) -> None:
    group.run(given(group, "careless", b""))
    group.run(given(group, "careless", b"long"))
    with pytest.raises(IndexError):
        group.run(given(group, "careless", b"abc"))


def test_what_does_not_decode_to_the_same_again(group: Group) -> None:
    group.run(given(group, "forgetful", b"ab"))
    with pytest.raises(AssertionError, match="forgetful"):
        group.run(given(group, "forgetful", b"abc"))


def test_any_selector_chooses_something(group: Group) -> None:
    chosen = {group.choose(number.to_bytes(2, "little")).name for number in range(4)}
    assert chosen == {"careless", "forgetful"}
    assert group.choose(b"").name in chosen


def test_a_finding_is_kept_once(tmp_path: Path) -> None:
    findings = Findings("one", tmp_path / "findings")
    for data in (b"first", b"second"):
        try:
            careless(memoryview(b"abc"))
        except IndexError as error:
            findings.note(data, error)
    findings.note_end(b"third", "hang", "log")
    kept = {each["what"].partition(" ")[0]: each for each in findings.all()}
    assert kept.keys() == {"IndexError", "hang"}
    assert kept["IndexError"]["input"] == "Zmlyc3Q="
    assert "careless" in kept["IndexError"]["text"]


@pytest.mark.parametrize("name", ["canary", "beside/canary", "beside/new", "new"])
def test_trespassing(tmp_path: Path, name: str) -> None:
    place = FuzzPlace(tmp_path)
    (place.share / "new").write_bytes(b"")
    place.check()
    (tmp_path / name).write_bytes(b"changed")
    with pytest.raises(Trespass):
        place.check()


def test_what_the_package_logs_as_a_failure() -> None:
    async def fail() -> None:
        logging.getLogger("smbquic.server").error("ours", exc_info=ValueError("deep"))

    with pytest.raises(ValueError, match="deep"):
        servers.run_until_quiet(fail())


def test_inputs_that_reach_nothing_new_are_not_kept() -> None:
    group = decoders.group("wire.echo.EchoRequest")
    selector = group.decoders[0].selector
    good, bad = selector + b"\4\0\0\0", selector + b"\5\0\0\0"
    kept = corpus.minimised(group.run, [bad, good, good + b"x", selector, bad])
    assert kept == [selector, good, bad]


def test_inputs_that_show_a_fault_are_not_kept(group: Group) -> None:
    assert corpus.minimised(group.run, [given(group, "careless", b"abc")]) == []


# --- the rest -----------------------------------------------------------------------------------


def test_decisions() -> None:
    source = Source(b"\x05\x01\x02abc")
    assert (source.below(3), source.number(2), source.blob(2)) == (2, 0x0201, b"ab")
    assert not source.exhausted
    assert (source.filled(3), source.exhausted, source.edge(8)) == (b"c\0\0", True, 0)
    assert source.often()


def test_spoiling_changes_something() -> None:
    chance = random.Random(2)
    changed = [spoiled(bytes(range(64)), Source(chance.randbytes(40))) for _ in range(200)]
    assert sum(each == bytes(range(64)) for each in changed) < 20
    assert len({len(each) for each in changed}) > 5


def test_the_time_is_split() -> None:
    lanes = schedule({"a": 3, "b": 2, "c": 1}, 60)
    assert [sum(lane.values()) for lane in lanes] == [60, 60]
    assert sorted(name for lane in lanes for name in lane) == ["a", "b", "c"]
    assert schedule({"a": 1}, 60) == [{"a": 60}, {}]


def test_the_table() -> None:
    heading, line = table([Row("server", seconds=2, executions=10, corpus=3)])
    assert heading.split()[:3] == ["target", "seconds", "executions"]
    assert line.split() == ["server", "2", "10", "5", "-", "-", "3", "0", "0", "0", "0"]


def test_without_atheris(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--target", "rpc"])
    with pytest.raises(SystemExit, match="pip install --group fuzz"):
        command.main()


def test_packets_fit_into_datagrams_whatever_the_script_says() -> None:
    chance = random.Random(4)
    sources = [Source(chance.randbytes(chance.randrange(400))) for _ in range(300)]
    assert {len(datagrams.payload(each)) for each in sources} <= set(range(1, 1101))
    firsts = [datagrams.first_datagram(Source(chance.randbytes(400))) for _ in range(300)]
    assert sum(len(each) == 1200 and each[1:5] == b"\0\0\0\1" for each in firsts) > 100
    assert len({each[:5] for each in firsts}) > 20


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_moment_of_a_live_server(engine: str) -> None:
    rows = {name: Row(name) for name in live.NAMES}
    visits = await live.fuzz(rows, 0.0, 1, corpus.load("server"), engine=engine)
    assert [finding for row in rows.values() for finding in row.findings] == []
    assert all(row.executions for row in rows.values())
    assert visits
