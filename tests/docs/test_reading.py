"""How pages are taken apart and read: what the other tests here rely on."""

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.machine import PASSWORD, ReaderMachine
from tests.docs.reading import Reader

PAGE = """\
# A page

```sh
echo one
```

- in a list:

  ```text
  `not code`
  ```

````sh
read -rsp 'Password: ' word && echo "it is $word"
````
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "page.md").write_text(PAGE)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    return "page.md"


def test_blocks_are_found_word_for_word(page: str) -> None:
    found = [(block.line, block.language, block.text) for block in pages.blocks(page)]
    assert found[0] == (3, "sh", "echo one\n")
    assert [language for _, language, _ in found] == ["sh", "text", "sh"]


def test_prose_is_what_is_left(page: str) -> None:
    assert "in a list" in pages.prose(page)
    assert "echo" not in pages.prose(page)
    assert pages.anchors(page) == {"a-page"}


def test_a_reader_runs_what_is_there_and_types_passwords(page: str, machine: ReaderMachine) -> None:
    terminal = machine.terminal("one")
    with Reader(machine, page) as reader:
        assert reader.run("echo", terminal) == "one\n"
        reader.leave_out("  `not", why="shows what is printed")
        assert f"it is {PASSWORD}" in reader.run("read", terminal)


def test_a_block_that_nobody_expected_fails(page: str, machine: ReaderMachine) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:3: a block that begins with 'ls'"):
        Reader(machine, page).leave_out("ls", why="it is not there")


def test_a_block_that_nobody_runs_fails(page: str, machine: ReaderMachine) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:3: nobody has run"), Reader(machine, page):
        pass


def test_a_command_that_fails_fails_the_test(machine: ReaderMachine) -> None:
    with pytest.raises(AssertionError, match="exit code 1"):
        machine.terminal("one").run("echo before\nfalse\necho after\n")


def test_a_terminal_remembers_where_it_was(machine: ReaderMachine) -> None:
    one, two = machine.terminal("one"), machine.terminal("two")
    one.run("cd /srv/data; export COLOUR=green\n")
    assert one.run("echo $PWD $COLOUR\n") == "/srv/data green\n"
    assert two.run("echo $PWD $COLOUR\n") == f"{machine.home}\n"


def test_the_reader_is_an_ordinary_user(machine: ReaderMachine) -> None:
    terminal = machine.terminal("one")
    assert terminal.run("id -u; ulimit -c 0; grep CapEff /proc/self/status\n").split() == [
        "1000",
        "CapEff:",
        "0000000000000000",
    ]
    terminal.run("! touch /etc/written /usr/written 2>/dev/null\n")
    assert not Path("/etc/written").exists()


def test_nothing_leaves_the_machine(machine: ReaderMachine) -> None:
    terminal = machine.terminal("one")
    assert terminal.run("ip -brief address | cut -d' ' -f1\n") == "lo\n"
