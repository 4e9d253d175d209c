"""`push.kserve` and `push.kubernetes`: the servers that a pushed version is rolled out to."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints, field_validator

from stellwerk.section import MEMORY, OBJECT_NAME, SERVICE_NAME, STORAGE, DnsLabel, Section, without_credentials

SERVING_IMAGE = "tensorflow/serving:2.19.1"
FETCHING_IMAGE = "kserve/storage-initializer:v0.15.2"

ServiceName = Annotated[str, StringConstraints(pattern=SERVICE_NAME, max_length=50)]
ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_NAME, max_length=253)]


class ServedSection(Section):
    """What every server on a cluster needs to know."""

    namespace: DnsLabel
    """Namespace on the cluster; it must exist."""
    service: ServiceName | None = None
    """Name of the service; without it the name of the pipeline. Begins with a letter."""
    image: str = SERVING_IMAGE
    """Image of TensorFlow Serving, always with a tag or a digest."""
    storage_uri: Annotated[str | None, Field(pattern=STORAGE)] = None
    """Where the cluster finds what is in `push.to`: `gs://`, `s3://`, or `pvc://CLAIM/FOLDER`. Needed where `push.to` is a folder."""
    service_account: ObjectName | None = None
    """Service account that may read the storage; its token is not mounted."""
    cpu: Annotated[float, Field(gt=0)] = 1
    """CPU cores of one server."""
    memory: Annotated[str, Field(pattern=MEMORY)] = "2G"
    """Memory of one server."""
    wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """So long the new version may take until it answers; after that the earlier one is put back."""
    context: str | None = None
    """Context of the kubeconfig; without it the current one, or inside a cluster that cluster."""

    @field_validator("storage_uri")
    @classmethod
    def _storage_has_no_credentials(cls, uri: str | None) -> str | None:
        return None if uri is None else without_credentials(uri)

    @field_validator("image", "fetch_image", check_fields=False)
    @classmethod
    def _image_is_pinned(cls, image: str) -> str:
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if any(letter.isspace() for letter in image) or not (digest or tag) or (tag == "latest" and not digest):
            raise ValueError(f"must name a version, as {SERVING_IMAGE} or by digest. Received: '{image}'")
        return image


class KServe(ServedSection):
    """A KServe InferenceService that serves each pushed version."""

    EXAMPLE: ClassVar[str] = """\
push:
  to: gs://models-of-ada/production
  kserve: {namespace: models, canary_percent: 10}
"""

    canary_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of the requests that a new version gets while the earlier one keeps the rest; without it all of them. Needs KServe's serverless mode."""


class Kubernetes(ServedSection):
    """A plain Deployment and Service of TensorFlow Serving that serve each pushed version."""

    EXAMPLE: ClassVar[str] = """\
push:
  to: s3://models-of-ada/production
  kubernetes: {namespace: models, replicas: 2, credentials_secret: model-reader}
"""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of servers."""
    fetch_image: str = FETCHING_IMAGE
    """Image that copies the version from `gs://` or `s3://` before the server starts."""
    credentials_secret: ObjectName | None = None
    """Secret whose keys become environment variables of that copy, as AWS_ACCESS_KEY_ID."""
