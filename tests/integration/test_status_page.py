"""The status page in a real browser, with real traffic behind it."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smbquic.pki import PkiDirectory
from tests.browser import Browser, browser
from tests.integration.status_page import (
    HOSTILE,
    clients,
    fail_to_log_on,
    gateway_to,
    page_of,
    served,
)

pytestmark = pytest.mark.debian("chromium")

SECTIONS = ("overview", "connections", "sessions", "opens", "shares", "access", "audit", "limits")
SHOWN = "document.querySelectorAll('.tiles li').length > 3"
AXE = "axe-core@4.14.1"
WIDTHS = (375, 1024, 1920)
CHECKED = (375, 1024)
DARK = 1024
CHECK = (
    "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) =>"
    " [id, impact, nodes.map(({ html }) => html).slice(0, 3)]))"
)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Browser]:
    folder = tmp_path / "browser"
    async with browser(folder) as started:
        await started.show(1024)
        yield started


async def go(page: Browser, section: str) -> None:
    """Show a section, and wait until its data is there."""
    await page.run(f"location.hash = '#{section}'")
    heading = f"document.querySelector('a[href=\"#{section}\"]').ariaCurrent === 'page'"
    await page.until(f"{heading} && !document.querySelector('#section [aria-busy=true]')")


async def confirm(page: Browser) -> None:
    await page.until("document.querySelector('#confirm').open")
    await page.click("#confirm-yes")
    await page.until("!document.querySelector('#result').hidden")


async def result(page: Browser) -> str:
    return str(await page.run("document.querySelector('#result').textContent"))


@pytest.mark.parametrize("workers", [0, 1])
async def test_every_section_of_a_busy_server(
    tmp_path: Path, pki: PkiDirectory, page: Browser, workers: int
) -> None:
    async with (
        served(tmp_path, pki, workers=workers) as serving,
        clients(serving.listeners, pki),
    ):
        await fail_to_log_on(serving.listeners[1], pki)
        await page.open(page_of(serving))
        await page.until(SHOWN)
        assert await page.run("location.hash") == ""
        words = {
            "overview": ("fs", "serving", "Throughput", "quic://127.0.0.1"),
            "connections": ("alice", "bob", "QUIC, ", "TCP", "3 open connections"),
            "sessions": ("alice", "carol", "QUIC", "projects"),
            "opens": ("projects\\alice plans.odt", "lease", "write"),
            "shares": ("music", "projects", " of "),
            "access": (HOSTILE, "password is wrong", "localhost", "days left"),
            "audit": ("logon-failure", "share-access", HOSTILE),
            "limits": ("connections_of_address", "failed-logon", "Nobody is locked out."),
        }
        for section in SECTIONS:
            await go(page, section)
            for word in words[section]:
                await page.until(f"document.body.innerText.includes({json.dumps(word)})")
        await page.until("!document.querySelector('img[src=x]')")
        await go(page, "overview")
        # The rates are those of the traffic.
        await page.until("/received \\d+(\\.\\d)? [KM]iB\\/s/.test(document.body.innerText)")
        assert page.problems == []


async def test_the_page_follows_what_happens(
    tmp_path: Path, pki: PkiDirectory, page: Browser
) -> None:
    async with served(tmp_path, pki) as serving:
        await page.open(page_of(serving))
        await page.until(SHOWN)
        await go(page, "connections")
        await page.until("document.body.innerText.includes('No client is connected.')")
        async with clients(serving.listeners, pki):
            await page.until("document.querySelectorAll('tbody tr:not(.details)').length === 3")
            await page.click("tbody button[aria-expanded]")
            await page.until("document.body.innerText.includes('Key exchange')")
            # The row stays the same element, and so the focus stays in it.
            await page.run("document.querySelector('tbody button[aria-expanded]').focus()")
        await page.until("document.body.innerText.includes('ended, ')")
        assert await page.run("document.activeElement.ariaExpanded") == "true"
        assert page.problems == []


async def test_a_session_is_closed_and_a_user_locked_out(
    tmp_path: Path, pki: PkiDirectory, page: Browser
) -> None:
    async with served(tmp_path, pki) as serving, clients(serving.listeners, pki):
        await page.open(page_of(serving))
        await page.until(SHOWN)
        await go(page, "sessions")
        await page.until("document.querySelectorAll('tbody tr:not(.details)').length === 3")
        [number] = [
            session.session.id
            for session in serving.server.sessions.values()
            if session.session.identity.user == "bob"
        ]
        await page.click("button[aria-expanded][aria-label$=bob]")
        await page.click("button[aria-label^=Close][aria-label$=bob]")
        await confirm(page)
        assert "closed the session of" in await result(page)
        assert number not in serving.server.sessions

        await go(page, "limits")
        await page.run("document.querySelector('#lock-name').focus()")
        await page.run("document.querySelector('#result').hidden = true")
        await page.call("Input.insertText", text="carol")
        await page.press("Enter", 13, "\r")
        await confirm(page)
        assert await result(page) == "locked the user carol out, and closed 1 sessions"
        letting_in = "tbody button[aria-label='Let in again: carol']"
        await page.until(f'document.querySelector("{letting_in}")')
        await page.run("document.querySelector('#result').hidden = true")
        await page.click(letting_in)
        await confirm(page)
        assert await result(page) == "let the user carol in again"
        await page.until("document.body.innerText.includes('Nobody is locked out.')")
        await go(page, "audit")
        await page.until("document.body.innerText.includes('lock-out-user')")
        assert page.problems == []


async def test_who_has_no_token_is_asked_for_it(
    tmp_path: Path, pki: PkiDirectory, page: Browser
) -> None:
    async with served(tmp_path, pki) as serving:
        await page.open(serving.web)
        await page.until("document.querySelector('#login').open")
        assert "fs" not in await page.text()
        for token, then in (
            ("wrong", "!document.querySelector('#login-problem').hidden"),
            (serving.controls.token, SHOWN),
        ):
            await page.run("document.querySelector('#token').focus()")
            await page.call("Input.insertText", text=token)
            await page.press("Enter", 13, "\r")
            await page.until(then)
        assert not await page.run("document.querySelector('#login').open")


async def test_a_gateway(tmp_path: Path, pki: PkiDirectory, page: Browser) -> None:
    async with (
        # The logons are bound to the gateway's certificate.
        served(tmp_path, pki, extended_protection=False) as serving,
        gateway_to(serving.listeners[1], pki) as running,
        clients(running.listeners, pki),
    ):
        await page.open(page_of(running))
        await page.until(SHOWN)
        words = {
            "overview": "gateway",
            "connections": "3 open connections",
            "shares": serving.listeners[1],
            "access": "days left",
            "audit": "logon",
            "limits": "Nobody is locked out.",
        }
        for section, word in words.items():
            await go(page, section)
            await page.until(f"document.body.innerText.includes({json.dumps(word)})")
        assert not await page.run("!!document.querySelector('a[href=\"#opens\"]')")
        assert page.problems == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checks of axe-core, which npm fetches."""
    npm = shutil.which("npm")
    assert npm is not None
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(
        [npm, "pack", AXE, "--silent"],
        cwd=folder,
        env={**os.environ, "npm_config_cache": str(folder / "cache")},
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        found = archive.extractfile("package/axe.min.js")
        assert found is not None
        return found.read().decode()


@pytest.mark.debian("npm")
async def test_everybody_can_use_it(
    tmp_path: Path, pki: PkiDirectory, page: Browser, axe: str
) -> None:
    async with served(tmp_path, pki) as serving, clients(serving.listeners, pki):
        await fail_to_log_on(serving.listeners[1], pki)
        await page.call("Page.setBypassCSP", enabled=True)
        await page.open(page_of(serving))
        await page.until(SHOWN)
        await page.run(axe + "; 0")
        found: list[Any] = []
        for section in SECTIONS:
            await go(page, section)
            for width in WIDTHS:
                await page.show(width, dark=width == DARK)
                assert await page.run("document.documentElement.scrollWidth <= innerWidth")
                if width in CHECKED:
                    problems = await page.run(CHECK)
                    found += [(section, width, *each) for each in problems]
        assert found == []
        assert page.problems == []
