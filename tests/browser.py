"""Chromium without a window, driven over a pair of pipes by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

TIMEOUT = 60.0
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    # Root cannot have one, and the pages are ours.
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)
LIMIT = 64 << 20


def chromium() -> str | None:
    return shutil.which("chromium")


class BrowserError(Exception):
    pass


class Browser:
    """The browser, with one page. `problems` are the errors on its console."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.WriteTransport) -> None:
        self.problems: list[str] = []
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = ""
        self._task = asyncio.create_task(self._listen(reader))

    async def start(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(TIMEOUT):
            found = await answer
        if "error" in found:
            raise BrowserError(f"{method}: {found['error']}")
        result: dict[str, Any] = found["result"]
        return result

    async def open(self, url: str) -> None:
        """Load a page, also if only what is behind the # differs."""
        await self.call("Page.navigate", url="about:blank")
        await self.call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """Return the value of an expression in the page, which may be a promise."""
        found = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise BrowserError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression in the page is true."""
        waiting = (
            "new Promise((resolve) => { const look = () => {"
            f" let found = false; try {{ found = {condition}; }} catch {{}}"
            " if (found) resolve(true); else setTimeout(look, 20); }; look(); })"
        )
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        while True:
            try:
                await self.run(waiting)
                return
            except BrowserError as error:
                # Another page came, and this one has ended.
                if asyncio.get_running_loop().time() > deadline or "exceptionDetails" in str(error):
                    raise
            except TimeoutError:
                raise TimeoutError(f"never: {condition}; {await self.text()}") from None

    async def text(self) -> str:
        """Return the text of the page."""
        return str(await self.run("document.body.innerText"))

    async def click(self, selector: str) -> None:
        """Click an element with the mouse."""
        place = await self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key of the keyboard."""
        more = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **more,
            )

    async def show(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the window a width, and prefer a dark or a light page."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of the page as PNG."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(found["data"]))

    async def close(self) -> None:
        self._session = ""
        with suppress(BrowserError, TimeoutError):
            await self.call("Browser.close")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                message = json.loads((await reader.readuntil(b"\0"))[:-1])
                if "id" in message:
                    self._waiting.pop(message["id"]).set_result(message)
                else:
                    self._happened(message["method"], message.get("params", {}))
        for each in self._waiting.values():
            each.set_result({"result": {}})

    def _happened(self, method: str, found: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(found["exceptionDetails"].get("exception", found)))
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning"):
            self.problems.append(str(found["args"]))
        elif method == "Log.entryAdded" and found["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Run the browser, whose profile is in `folder`."""
    program = chromium()
    assert program is not None
    loop = asyncio.get_running_loop()
    its_input, to_it = os.pipe()
    from_it, its_output = os.pipe()
    reader = asyncio.StreamReader(limit=LIMIT)
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_it, "rb")
    )
    writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(to_it, "wb"))
    # The protocol wants the pipes as the descriptors 3 and 4.
    command = f'exec "$0" "$@" 3<&{its_input} 4>&{its_output}'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command, program, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"),
        pass_fds=(its_input, its_output),
        env={**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(its_input)
    os.close(its_output)
    made = Browser(reader, writer)
    try:
        await made.start()
        yield made
    finally:
        await made.close()
        incoming.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
