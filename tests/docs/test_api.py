"""The page about the Python API, and its examples."""

import builtins
import re

import pytest

import smbquic
from smbquic import pki
from tests.docs import api_page
from tests.docs.machine import ReaderMachine
from tests.docs.pages import read
from tests.docs.reading import Reader

PAGE = "docs/reference/api.md"


def test_the_page_is_that_of_the_code() -> None:
    assert read(PAGE) == api_page.page(), f"run: python -m tests.docs > {PAGE}"


@pytest.mark.parametrize("name", [*smbquic.__all__, *pki.__all__])
def test_every_public_name_is_on_it(name: str) -> None:
    assert f"`{name}`" in read(PAGE) or f"`smbquic.{name}`" in read(PAGE)


def test_every_error_that_it_speaks_of_can_be_caught() -> None:
    for name in set(re.findall(r"`(\w+Error)`", read(PAGE))):
        public = name in smbquic.__all__ or name in pki.__all__
        assert public or hasattr(builtins, name), f"{name} is raised and not exported"


def test_the_examples_run_as_pasted(machine: ReaderMachine) -> None:
    server, client = machine.terminal("server"), machine.terminal("client")
    (machine.home / "report.pdf").write_bytes(b"%PDF-1.7 It went well.")
    with Reader(machine, PAGE) as reader:
        reader.signatures()
        reader.python("import asyncio", server, ready=r"serving on quic://0\.0\.0\.0:8443")
        client.run("cp server/pki/ca.pem .")
        reader.signatures()
        assert "['report.pdf']" in reader.python("from getpass", client)
        reader.signatures()
    server.interrupt()
