"""What the page about the gateway has smbd set is what the benchmark measures."""

from benchmarks.samba import KEPT_MEMORY, SETTINGS
from tests.docs.pages import blocks

PAGE = "docs/howto/gateway.md"


def text(begins: str) -> str:
    [found] = [each.text for each in blocks(PAGE) if each.text.startswith(begins)]
    return found


def test_kept_memory() -> None:
    variables = " ".join(f"{name}={value}" for name, value in KEPT_MEMORY.items())
    assert text("[Service]").splitlines()[1] == f"Environment={variables}"


def test_settings() -> None:
    settings = {line.strip() for line in SETTINGS.splitlines()}
    assert settings.issuperset(text("aio read size").splitlines())
