"""How long a user's own code may take, in the main thread and in others, and what ends code that will not be told."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import LIMIT, calls_limited, limited
from stellwerk.errors import HookError

LATE = "has not ended after 1 s. Mend it, or raise hooks.timeout_seconds."
WAITS = "import time\n\ndef wait(seconds):\n    time.sleep(seconds)\n"
STUBBORN = """\
import time

def stay():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""


@pytest.fixture(autouse=True)
def _one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, "1")


def test_a_file_that_takes_too_long_to_import_is_told():
    with pytest.raises(HookError) as caught:
        load_hook({"features.py": "import time\ntime.sleep(100)\n"}, "features.py:squared")
    assert str(caught.value) == f"features.py: the hook file {LATE}"


def test_code_that_keeps_the_error_to_itself_and_ends_then_is_late_all_the_same():
    def quiet() -> None:
        with contextlib.suppress(BaseException):
            time.sleep(100)

    with pytest.raises(HookError, match=r"^f\.py:g has not ended after 1 s"), limited("f.py:g"):
        quiet()


def test_code_that_makes_another_error_of_it_is_told_as_late():
    def another() -> None:
        try:
            time.sleep(100)
        except HookError as error:
            raise ValueError("something else") from error

    with pytest.raises(HookError, match=r"^f\.py:g has not ended after 1 s"), limited("f.py:g"):
        another()


def test_code_in_time_is_left_alone_and_so_are_the_timers_of_others():
    heard, before = [], signal.signal(signal.SIGALRM, lambda *_: heard.append(True))
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with limited("features.py:squared"):
            time.sleep(0.3)
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)
    assert heard == [True]


def test_many_calls_may_take_longer_together_than_each_of_them():
    wait = load_hook({"waits.py": WAITS}, "waits.py:wait")
    with calls_limited("evaluate"):
        for _ in range(4):
            wait(0.4)


def test_one_call_that_takes_too_long_is_named_by_its_function():
    wait = load_hook({"waits.py": WAITS}, "waits.py:wait")
    with pytest.raises(HookError) as caught, calls_limited("evaluate"):
        wait(100)
    assert str(caught.value) == f"evaluate: waits.py: wait {LATE}"


def test_a_call_in_another_thread_is_seen_too():
    other = threading.Thread(target=load_hook({"waits.py": WAITS}, "waits.py:wait"), args=(3,))
    other.start()
    with pytest.raises(HookError, match=r"^evaluate: waits\.py: wait has not ended"), calls_limited("evaluate"):
        other.join()
    other.join(60)
    assert not other.is_alive()


@pytest.fixture
def ended() -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs code in a process of its own, which has `stay`, a function that never ends."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        before = (
            "import threading\n"
            "from stellwerk.components.artifacts import limits\n"
            "from stellwerk.components.artifacts.hooks import load_hook\n"
            "from stellwerk.components.step_events import heard\n"
            "limits.GRACE = 1.0\n"
            f"stay = load_hook({{'stays.py': {STUBBORN!r}}}, 'stays.py:stay')\n"
        )
        command = [sys.executable, "-c", before + code]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("with limits.limited('f.py:g'):\n    stay()\n", "f.py:g"),
        ("with limits.calls_limited('evaluate'):\n    stay()\n", "evaluate: stays.py: stay"),
        (
            "with limits.calls_limited('evaluate'):\n    other = threading.Thread(target=stay)\n    other.start()\n"
            "    never = threading.Event()\n    try:\n        never.wait()\n    except BaseException:\n        never.wait()\n",
            "evaluate: stays.py: stay",
        ),
        (
            "import signal\nwith limits.limited('f.py:g'):\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    stay()\n",
            "f.py:g",
        ),
    ],
    ids=["a call", "a call within", "a thread", "without the signal"],
)
def test_code_that_catches_every_exception_ends_with_its_process_and_the_sentence_is_told(ended, code, what):
    ran = ended(f"with heard(lambda error: print(error, flush=True)):\n    {code.replace(chr(10), chr(10) + '    ')}")
    assert ran.returncode == 1
    assert ran.stdout == f"{what} {LATE}\n"
    assert ran.stderr == f"stellwerk.errors.HookError: {what} {LATE}\n"


def test_what_a_thread_of_a_late_call_still_does_does_not_outlive_the_step(ended):
    ran = ended(
        "other = threading.Thread(target=stay)\n"
        "with limits.calls_limited('evaluate'):\n    other.start()\n    other.join()\n"
    )
    assert ran.returncode == 1
    assert ran.stderr.endswith(f"stellwerk.errors.HookError: evaluate: stays.py: stay {LATE}\n")
