"""Pictures of terminals show what was printed, and refer to nothing elsewhere."""

from xml.etree import ElementTree

import pytest

from tests.docs.pages import ROOT, read
from tests.docs.recordings import CLIENT, SERVER, WIDTH, picture, wrapped


def text(drawing: str) -> str:
    root = ElementTree.fromstring(drawing)
    return "".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")


def test_a_picture_has_the_text_and_no_font_of_elsewhere() -> None:
    drawing = picture("a title", "$ smbquic ls <url>")
    assert "$ smbquic ls <url>" in text(drawing)
    assert "a title" in text(drawing)
    assert "url(http" not in drawing
    assert "@font-face" not in drawing


def test_long_lines_are_wrapped_and_empty_ones_left_out() -> None:
    assert wrapped(f"{'x' * WIDTH}y\r\n\r\nz\n") == f"{'x' * WIDTH}\ny\nz"


@pytest.mark.parametrize(
    ("name", "commands"),
    [("terminal-server.svg", (SERVER[:60],)), ("terminal-client.svg", CLIENT)],
)
def test_the_pictures_show_these_commands(name: str, commands: tuple[str, ...]) -> None:
    shown = (ROOT / "docs" / "images" / name).read_text(encoding="utf-8")
    assert f"images/{name}" in read("docs/tutorial/five-minutes.md")
    assert "url(http" not in shown
    for command in commands:
        assert f"$ {command}" in text(shown)
