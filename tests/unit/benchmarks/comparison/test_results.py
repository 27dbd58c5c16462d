import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.plan import Visit
from benchmarks.comparison.results import RESULT, SAMPLES, Folder, cells, is_valid, load, too_few
from benchmarks.documents import DocumentError

MakeResult = Callable[[], dict[str, Any]]


@pytest.fixture
def description(make_result: MakeResult) -> dict[str, Any]:
    return {key: value for key, value in make_result().items() if key != "visits"}


def test_a_run_is_taken_up_with_its_own_seed(tmp_path: Path, description: dict[str, Any]) -> None:
    assert Folder(tmp_path).begin(description)["seed"] == 7
    assert Folder(tmp_path).begin({**description, "seed": 8})["seed"] == 7


def test_another_run_is_not_mixed_in(tmp_path: Path, description: dict[str, Any]) -> None:
    Folder(tmp_path).begin(description)
    with pytest.raises(DocumentError, match="another run"):
        Folder(tmp_path).begin({**description, "arms": ["tcp"]})


def test_a_line_that_was_cut_off_is_left_out_and_written_anew(
    tmp_path: Path, make_result: MakeResult
) -> None:
    folder = Folder(tmp_path)
    first, second, *_ = make_result()["visits"]
    folder.add(first)
    with (tmp_path / SAMPLES).open("a") as file:
        file.write(json.dumps(second)[:40])
    assert folder.visits() == [first]
    folder.add(second)
    assert folder.visits() == [first, second]
    assert folder.done() == {Visit(v["link"], v["block"], v["arm"]): True for v in (first, second)}


def test_a_finished_run_is_one_file(
    tmp_path: Path, description: dict[str, Any], make_result: MakeResult
) -> None:
    folder = Folder(tmp_path)
    folder.begin(description)
    for visit in make_result()["visits"]:
        folder.add(visit)
    assert not folder.finished
    unfinished = load(tmp_path)
    result = folder.finish(ended="now")
    assert folder.finished
    assert load(tmp_path) == load(tmp_path / RESULT) == result
    assert unfinished["visits"] == result["visits"] == make_result()["visits"]


def test_what_is_no_result_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="holds no result"):
        load(tmp_path)
    (tmp_path / RESULT).write_text('{"format": 99}')
    with pytest.raises(DocumentError, match="format 99"):
        load(tmp_path)


def test_the_discarded_block_is_not_counted(make_result: MakeResult) -> None:
    found = cells(make_result())
    assert all(sorted(cell.samples) == [1, 2, 3] for cell in found.values())


def test_invalid_samples_are_listed_and_not_counted(make_result: MakeResult) -> None:
    result = make_result()
    visit = next(v for v in result["visits"] if (v["arm"], v["block"]) == ("quic-qh3", 2))
    visit["works"]["bulk-read"]["problems"] = ["got: the hash differs"]
    assert not is_valid(visit)
    found = cells(result)
    cell = found[visit["link"], "bulk-read", "quic-qh3"]
    assert sorted(cell.samples) == [1, 3]
    assert cell.invalid == ["got: the hash differs"]
    assert sorted(found[visit["link"], "bulk-write", "quic-qh3"].samples) == [1, 2, 3]


def test_a_bad_link_spoils_all_of_a_visit(make_result: MakeResult) -> None:
    result = make_result()
    visit = next(v for v in result["visits"] if (v["arm"], v["block"]) == ("quic-qh3", 2))
    visit["problems"] = ["up: 3 packets dropped by the TUN ring"]
    found = cells(result)
    for work in visit["works"]:
        assert sorted(found[visit["link"], work, "quic-qh3"].samples) == [1, 3]


def test_how_busy_an_arm_was(make_result: MakeResult) -> None:
    cell = cells(make_result())["20ms-100mbit", "bulk-read", "tcp-encrypted"]
    assert cell.busy == pytest.approx(0.2 / 0.42)


def test_arms_with_too_few_samples_are_named(make_result: MakeResult) -> None:
    result = make_result()
    assert too_few(result) == []
    first = next(v for v in result["visits"] if (v["arm"], v["block"]) == ("wireguard", 0))
    first["problems"] = ["the discarded block does not matter"]
    assert too_few(result) == []
    spoilt = next(v for v in result["visits"] if (v["arm"], v["block"]) == ("wireguard", 1))
    spoilt["problems"] = ["up: 3 packets dropped by the TUN ring"]
    assert too_few(result) == ["wireguard"]
    result["visits"].append({**spoilt, "attempt": 1, "problems": []})
    assert too_few(result) == []
    result["visits"] = [v for v in result["visits"] if v["arm"] != "quic-qh3"]
    assert too_few(result) == ["quic-qh3"]


def test_an_arm_that_no_leg_has_lacks_nothing(make_result: MakeResult) -> None:
    result = make_result()
    result["visits"] = [v for v in result["visits"] if v["arm"] == "wireguard"]
    assert "quic-qh3" in too_few(result)
    result["legs"] = [{"link": "20ms-100mbit", "arms": ["wireguard"]}]
    assert too_few(result) == []
