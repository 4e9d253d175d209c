"""The section `push`: where a blessed model goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import field_validator, model_validator

from stellwerk.families import Family
from stellwerk.plugged import refuse_unusable
from stellwerk.section import Contradiction, Section, without_credentials
from stellwerk.spec.formats import FormatName
from stellwerk.spec.places import STORES
from stellwerk.spec.rehearse import Rehearse
from stellwerk.spec.serving import KServe, Kubernetes, ServedSection

OBJECTS = "stellwerk.components.deployment.targets.objects"
PUSH_TARGETS = Family("targets", "push target", {"gs": OBJECTS, "s3": OBJECTS}, names=("target",))
"""The module of each scheme of `push.to`; it has `target(to, directory, name)`, which returns a
`stellwerk.components.deployment.targets.base.Target`. Stores of installed packages that can be written are targets too."""


def push_schemes() -> tuple[str, ...]:
    """Returns the schemes that models can be pushed to."""
    return tuple(dict.fromkeys((*PUSH_TARGETS, *STORES.plug_ins)))


def known_places() -> str:
    """Returns what `push.to` may be, as a sentence without a full stop."""
    shown = [f"{scheme}://{'BUCKET/PREFIX' if scheme in PUSH_TARGETS.own else ''}" for scheme in push_schemes()]
    return f"Known: a folder, {', '.join(shown)}"


class Push(Section):
    """Where a blessed model goes."""

    EXAMPLE: ClassVar[str] = """\
push: {to: models}
"""

    to: str
    """Folder, relative to the spec, or `gs://BUCKET/PREFIX` or `s3://BUCKET/PREFIX`; the model appears as `<to>/<name>/<version>/`, as TensorFlow Serving reads it."""
    formats: tuple[FormatName, ...] = ("saved_model",)
    """What else the version holds, in `variants/<format>/`, besides the SavedModel, which is always there: saved_model, litert (32-bit floats, for LiteRT on phones and small devices), litert_float16, litert_dynamic (8-bit weights), litert_int8 (8-bit weights and values, calibrated with rows of the train split), onnx (with the extra `stellwerk[formats]`), xla (a SavedModel that XLA compiles where it is loaded), tensorrt (an engine, where the step convert has an NVIDIA GPU and TensorRT). A variant takes what the SavedModel's signature `transform` gives. Each is evaluated in its own runtime, and the version is pushed only when all meet `evaluate.require`."""
    rehearse: Rehearse | None = None
    """What must be seen of a server on the model before it is pushed; without this section no server is started."""
    kserve: KServe | None = None
    """An InferenceService that serves what was pushed."""
    kubernetes: Kubernetes | None = None
    """A Deployment that serves what was pushed."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The formats besides the SavedModel, each once."""
        return tuple(name for name in dict.fromkeys(self.formats) if name != "saved_model")

    @property
    def servers(self) -> dict[str, ServedSection]:
        """The sections of the servers that there are to be, by key."""
        both = {"kserve": self.kserve, "kubernetes": self.kubernetes}
        return {key: section for key, section in both.items() if section is not None}

    @field_validator("to")
    @classmethod
    def _place_is_known(cls, to: str) -> str:
        scheme, found, rest = to.partition("://")
        if not found:
            return to
        if scheme not in push_schemes():
            raise ValueError(f"unknown scheme '{scheme}'. {known_places()}")
        refuse_unusable(PUSH_TARGETS if scheme in PUSH_TARGETS else STORES, scheme)
        without_credentials(to)
        if scheme in PUSH_TARGETS.own and not re.fullmatch(r"[a-z0-9][a-z0-9._-]+(/[^?\x00-\x1f]*)?", rest):
            raise ValueError(f"names no bucket. {known_places()}. Received: '{to}'")
        return to

    @model_validator(mode="after")
    def _cluster_sees_the_model(self) -> Push:
        found = list(self._unseen())
        if found:
            raise Contradiction(*found)
        return self

    def _unseen(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.kserve is not None and self.kubernetes is not None:
            names = {(server.context, server.namespace, server.service) for server in self.servers.values()}
            if len(names) == 1:
                message = "is the same for push.kserve and push.kubernetes, and both make a Service of that name"
                yield ("kubernetes", "service"), f"{message}. Give one of them another name"
        for key, section in self.servers.items():
            if "://" not in self.to and section.storage_uri is None:
                message = "is needed, as push.to is a folder and a cluster does not see it"
                yield (key, "storage_uri"), f"{message}. Name the claim that it is on: pvc://CLAIM/FOLDER"
