"""Makes the pictures of the status page: ``python -m tests.screenshots docs/images``.

It runs a server with a few clients for a minute, on this machine.
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from smbquic.pki import init
from tests.browser import browser
from tests.integration.status_page import clients, fail_to_log_on, page_of, served

SECONDS = 60.0
"""Time that the charts show."""
PICTURES = (
    # name, section, width, height, dark
    ("status-page.png", "overview", 1280, 860, False),
    ("status-page-dark.png", "connections", 1280, 640, True),
    ("status-page-phone.png", "overview", 375, 812, False),
)


async def main(target: Path) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pki = init(folder / "pki")
        (folder / "shares").mkdir()
        serving = await stack.enter_async_context(served(folder / "shares", pki))
        page = await stack.enter_async_context(browser(folder / "browser"))
        await fail_to_log_on(serving.listeners[1], pki, "mallory")
        for _ in range(2):
            await stack.enter_async_context(clients(serving.listeners, pki))
            await asyncio.sleep(SECONDS / 3)
        async with clients(serving.listeners, pki):
            await asyncio.sleep(SECONDS / 3)
        await page.open(page_of(serving))
        await page.until("document.querySelectorAll('.tiles li').length > 3")
        for name, section, width, height, dark in PICTURES:
            await page.show(width, height, dark=dark)
            await page.run(f"location.hash = '#{section}'")
            await page.until(f"document.querySelector('a[href=\"#{section}\"]').ariaCurrent")
            # The charts are drawn with the next samples, in the new width.
            await asyncio.sleep(3)
            await page.picture(target / name)
            print(target / name)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
