"""The works of the benchmark of transfers: their files."""

from pathlib import Path

from benchmarks.transfers.works import WORKS, Work

TREE = Work("tree", "some files", ("put",), 7, size=10, folders=3)


def test_files_are_in_their_folders_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        TREE.fill(tmp_path / name, seed)
    found = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.txt"))
    assert [str(path) for path in found[:4]] == [
        "000/file-000000.txt",
        "000/file-000001.txt",
        "000/file-000002.txt",
        "001/file-000003.txt",
    ]
    assert len(found) == 7
    content = {name: (tmp_path / name / found[0]).read_bytes() for name in "abc"}
    assert len(content["a"]) == 10
    assert content["a"] == content["b"] != content["c"]


def test_one_folder_and_one_file(tmp_path: Path) -> None:
    Work("small", "", ("put",), 2, size=1).fill(tmp_path / "small", 1)
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == [
        "file-000000.txt",
        "file-000001.txt",
    ]
    size = (1 << 20) + 3
    Work("large", "", ("put-file",), 1, size=size).fill(tmp_path / "large", 1)
    assert (tmp_path / "large").stat().st_size == size


def test_works_are_scaled_by_their_files_or_their_size() -> None:
    scaled = TREE.scaled(0.3)
    assert (scaled.files, scaled.size, scaled.folders, scaled.verbs) == (2, 10, 2, ("put",))
    large = Work("large", "", ("put-file",), 1, size=1000, emulated=False).scaled(0.1)
    assert (large.files, large.size, large.emulated) == (1, 100, False)
    assert len({work.place for work in WORKS}) == len(WORKS)
    assert all(work.scaled(1) == work for work in WORKS)
