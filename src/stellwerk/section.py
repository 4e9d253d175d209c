"""What every section of a spec has in common."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

HOOK = r"^[^:\s]+\.py:[A-Za-z_][A-Za-z0-9_]*$"
FEATURE_NAME = r"^[^\x00-\x1f\x7f]{1,300}$"
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
MEMORY = r"^[0-9]+(\.[0-9]+)?(K|M|G|T|Ki|Mi|Gi|Ti)$"
SERVICE_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
OBJECT_NAME = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"
STORAGE = r"^(gs|s3|pvc)://[^\s?#]+$"
LABEL_KEY = r"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$"
RESOURCE = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$"
WEIGHTS = r"^\S.*\.(weights\.h5|h5|keras)$"
SHA256 = r"^[0-9a-f]{64}$"
VERSION = r"^2\.[0-9]+(\.[0-9]+)?$"
MOUNT = r"^/[^:\s]*[^:/\s]$"

PATTERNS = {
    HOOK: "must name a function in a Python file, as features.py:function",
    FEATURE_NAME: "must be 1 to 300 letters, digits, blanks or signs, without line breaks and tabs",
    IDENTIFIER: "must be letters, digits and underscores, and not begin with a digit",
    DNS_LABEL: "must be lower-case letters, digits and dashes, and begin and end with a letter or a digit",
    SERVICE_NAME: "must be lower-case letters, digits and dashes, and begin with a letter and end with a letter or a digit",
    OBJECT_NAME: "must be lower-case letters, digits, dashes and dots, and begin and end with a letter or a digit",
    STORAGE: "must be a place as gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or pvc://CLAIM/FOLDER",
    LABEL_KEY: "must be a name of letters, digits, dashes, dots and underscores, with a domain and a slash in front or not",
    LABEL_VALUE: "must be letters, digits, dashes, dots and underscores, and begin and end with a letter or a digit",
    RESOURCE: "must be a resource of the cluster with its domain, e.g. nvidia.com/gpu",
    WEIGHTS: "must be a file of Keras weights, whose name ends in .weights.h5, .h5 or .keras, or its URI",
    SHA256: "must be 64 digits and letters a to f, as sha256sum gives them",
    VERSION: 'must be a version of Kubeflow Pipelines 2 in quotes, e.g. "2.5"',
    MOUNT: "must be a folder in the container, e.g. /data",
    MEMORY: "must be a number and a unit, e.g. 16G or 512Mi",
}
"""What each pattern asks for, in words."""

Hook = Annotated[str, StringConstraints(pattern=HOOK)]
"""A function or class in a user's own file, as `file.py:name`, relative to the spec."""

Weights = Annotated[str, StringConstraints(pattern=WEIGHTS)]
"""A file of Keras weights, relative to the spec, or its URI."""

FeatureName = Annotated[str, StringConstraints(pattern=FEATURE_NAME)]
"""What a column may be called, a feature may."""

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]

DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL, max_length=63)]

Split = Literal["train", "eval", "test"]
SPLITS: tuple[Split, ...] = ("train", "eval", "test")


def without_credentials(uri: str) -> str:
    """Returns a URI that has no user and no password in it; refuses others, without repeating them."""
    if "://" in uri and "@" in uri.partition("://")[2].partition("/")[0]:
        raise ValueError("has credentials in it. They come from the environment: remove them, and change them")
    return uri


class Contradiction(ValueError):
    """Keys of a section that are fine alone and not together, each with the place where it is to be mended."""

    def __init__(self, *found: tuple[tuple[str | int, ...], str]) -> None:
        self.found = found
        """Keys below the section, as they are written, and a sentence."""
        super().__init__("; ".join(f"{'.'.join(map(str, keys))}: {text}" if keys else text for keys, text in found))


def bytes_of(amount: str) -> int:
    """Returns the bytes that a text of the form MEMORY means: `16G`, `512Mi`, `1.5Gi`."""
    number = amount.rstrip("KMGTi")
    unit = amount[len(number) :]
    step = 1024.0 if unit.endswith("i") else 1000.0
    power: float = step ** ("KMGT".index(unit[0]) + 1)
    return round(float(number) * power)


class Section(BaseModel):
    """A frozen part of the spec: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    EXAMPLE: ClassVar[str] = ""
    """A short example from the top of a spec, for the documentation; a test loads it."""

    def changed(self, name: str) -> bool:
        """Tells whether a field is not as it is by default; a default that is written out counts as not said."""
        return bool(getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True))
