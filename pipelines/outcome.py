"""How a run ends, in every engine: `run.json` and the display are true whichever way that comes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stellwerk.errors import GateRefused, StellwerkError, StepFailed, sentence
from stellwerk.pipelines.alive import let_go
from stellwerk.pipelines.runs import RunRecord, RunStatus, now

if TYPE_CHECKING:
    from stellwerk.pipelines.embedded.display import Display


@contextlib.contextmanager
def reported(record: RunRecord, display: Display, interrupted: str) -> Iterator[None]:
    """Keeps `run.json` true whichever way the block ends, and tells the display of its beginning and its end.

    What the disk or the network has against it is raised as StepFailed; every other error is raised as it is. `interrupted`
    is what the record says of a run that was stopped from outside.
    """
    display.begin(record)
    try:
        record.save()
        yield
        _finish(record, display, "done", None)
    except GateRefused as error:
        _finish(record, display, "refused", error)
        raise
    except StellwerkError as error:
        _finish(record, display, "failed", error)
        raise
    except OSError as error:
        failed = StepFailed(sentence(error))
        _finish(record, display, "failed", failed)
        raise failed from error
    except BaseException:
        _finish(record, display, "killed", StepFailed(interrupted))
        raise
    finally:
        let_go(record.folder)
        display.end()


def _finish(record: RunRecord, display: Display, status: RunStatus, error: StellwerkError | None) -> None:
    """Ends the steps that did not come to their end, removes what they left half-written, and writes `run.json`."""
    for step in record.steps:
        if step.status in ("waiting", "running"):
            step.status = "skipped" if step.status == "waiting" else "failed"
            step.error = step.error or (str(error) if step.status == "failed" else None)
            display.ended(step)
    for part in record.folder.rglob(".*.part"):
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    record.status, record.finished = status, now()
    record.error, record.exit_code = (str(error), error.exit_code) if error else (None, 0)
    with contextlib.suppress(OSError):  # a full disk: the error itself is still told
        record.save()
