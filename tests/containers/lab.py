"""A client of a Jupyter server, as JupyterLab in a browser is one: cookies, the token against forged requests, kernels by WebSocket."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any

import websocket

SECONDS = 300.0
STATUS = "globals().get('_exit_code', 0)"
"""Exit status of the last command that a cell called by `!`."""


class _Here(urllib.request.HTTPRedirectHandler):
    """Tells redirections and does not follow them."""

    def redirect_request(self, *told: Any) -> None:
        return None


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Outcome:
    """What became of a cell."""

    text: str = ""
    """What it printed, on both channels."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """What it displayed and returned, by MIME type."""
    error: str = ""
    """Kind, message and traceback of what it raised."""
    status: str = "0"
    """Exit status of the last command that was called by `!`."""


class Kernel:
    """A Python that runs cells, one after the other."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._session = uuid.uuid4().hex

    def run(self, code: str) -> Outcome:
        """Runs a cell to its end."""
        asked = uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "session": self._session, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        content["user_expressions"] = {"status": STATUS}
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._socket.send(json.dumps(message))
        outcome, told = Outcome(), set[str]()
        while not {"idle", "execute_reply"} <= told:
            heard = json.loads(self._socket.recv())
            if heard["parent_header"].get("msg_id") != asked:
                continue
            told.add(heard["content"].get("execution_state", heard["msg_type"]))
            self._note(outcome, heard["msg_type"], heard["content"])
        return outcome

    @staticmethod
    def _note(outcome: Outcome, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            outcome.text += content["text"]
        elif kind in ("display_data", "execute_result"):
            outcome.shown.append(content["data"])
        elif kind == "error":
            outcome.error = f"{content['ename']}: {content['evalue']}\n" + "\n".join(content["traceback"])
        elif kind == "execute_reply" and content["status"] == "ok":
            outcome.status = content["user_expressions"]["status"]["data"]["text/plain"]


class Lab:
    """A Jupyter server at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies), _Here
        )

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """Sends one request; what is refused is an answer too. Raises OSError where nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, named, method=method)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, dict(refused.headers), refused.read().decode())

    @contextlib.contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """Starts a Python as a notebook does, and ends it."""
        with self._made("/api/kernels", "id", "/api/kernels/{}/channels") as socket:
            yield Kernel(socket)

    def typed(self, command: str, last: str) -> str:
        """Types a command into a new terminal, and returns what is on it once `last` is."""
        with self._made("/api/terminals", "name", "/terminals/websocket/{}") as socket:
            socket.send(json.dumps(["stdin", f"{command}\r"]))
            screen = ""
            while last not in screen:
                kind, *content = json.loads(socket.recv())
                screen += content[0] if kind == "stdout" else ""
        return screen

    @contextlib.contextmanager
    def _made(self, path: str, key: str, spoken: str) -> Iterator[websocket.WebSocket]:
        """Makes a kernel or a terminal, speaks with it by WebSocket, and ends it."""
        self.ask("/lab")
        known = {cookie.name: cookie.value or "" for cookie in self.cookies}
        own = {"X_XSRFToken": known["_xsrf"]}
        made = self.ask(path, "POST", {}, **own)
        assert made.status in (200, 201), made.body
        name = json.loads(made.body)[key]
        address = f"ws{self.url.removeprefix('http')}{spoken.format(name)}"
        cookies = "; ".join(f"{name}={value}" for name, value in known.items())
        socket = websocket.create_connection(address, SECONDS, cookie=cookies, http_no_proxy=["*"])
        try:
            yield socket
        finally:
            socket.close()
            with contextlib.suppress(OSError):  # a server that has gone has neither
                self.ask(f"{path}/{name}", "DELETE", **own)
