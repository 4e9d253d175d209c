"""A real browser that tells what it met."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

LOADED = "new Promise(done => document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1)))"


class Browser:
    """Headless Chromium over the DevTools protocol; each page is a new tab that records what went wrong."""

    def __init__(self, folder: Path) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert chromium, "There is no Chromium to look at the report with: apt-get install chromium"
        quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
        flags += ["--remote-allow-origins=*", f"--user-data-dir={folder}", *quiet]
        with (folder.parent / "chromium.log").open("wb") as log:
            self.process = subprocess.Popen([chromium, *flags, "about:blank"], stderr=log, stdout=log)
        self.socket = websocket.create_connection(self._address(folder / "DevToolsActivePort"), timeout=60)
        self.numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.pages: list[Page] = []

    def _address(self, file: Path) -> str:
        for _ in range(600):
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            assert self.process.poll() is None, "Chromium ended before it could be asked; see chromium.log"
            time.sleep(0.05)
        raise AssertionError("Chromium did not open its port in 30 s")

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.socket.send(json.dumps(message))
        while True:
            answer = self._hear()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _hear(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.socket.recv())
        if "method" in answer:
            self.events.append(answer)
        return answer

    def open(self, path: Path, **settings: Any) -> Page:
        self.pages.append(page := Page(self, path, **settings))
        return page

    def close_pages(self) -> None:
        for page in self.pages:
            self.call("Target.closeTarget", targetId=page.target)
        self.pages.clear()
        self.events.clear()

    def close(self) -> None:
        self.call("Browser.close")
        self.socket.close()
        self.process.wait(20)


class Document:
    """What a page or a frame complained about, what it asked the network for, and what its scripts see."""

    def __init__(self, browser: Browser, target: str) -> None:
        self.browser, self.target = browser, target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def heard(self, *methods: str) -> list[dict[str, Any]]:
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event["params"] for event in mine if event["method"] in methods]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        return self.heard("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")

    @property
    def requests(self) -> list[str]:
        urls = [event["request"]["url"] for event in self.heard("Network.requestWillBeSent")]
        return [url for url in urls[1:] if not url.startswith("data:")]

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, query: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(query)}).click()")

    def type(self, query: str, text: str) -> None:
        field = f"document.querySelector({json.dumps(query)})"
        self.evaluate(f"{field}.value = {json.dumps(text)}; {field}.dispatchEvent(new Event('input'))")


class Page(Document):
    """One open report in a tab of its own."""

    def __init__(
        self, browser: Browser, path: Path, *, width: int = 1400, dark: bool = False, media: str = "screen"
    ) -> None:
        super().__init__(browser, browser.call("Target.createTarget", url="about:blank")["targetId"])
        self.width = width
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=width < 600
        )
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[colours])
        self.call("Page.navigate", url=path.as_uri())
        while not self.heard("Page.loadEventFired"):
            browser._hear()
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def frame(self) -> Document:
        """The sandboxed frame inside the page."""
        targets = self.browser.call("Target.getTargets")["targetInfos"]
        inner = next(entry for entry in targets if entry["type"] == "iframe" and entry.get("parentId") == self.target)
        found = Document(self.browser, inner["targetId"])
        found.evaluate(LOADED)
        return found

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        height = self.evaluate("document.documentElement.scrollHeight") if whole else 1000
        clip = {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole, clip=clip)
        path.write_bytes(base64.b64decode(picture["data"]))
        return path


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("chromium") / "profile"
    folder.mkdir()
    browser = Browser(folder)
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser of the session; the tabs of the test are closed after it."""
    yield chromium
    chromium.close_pages()
