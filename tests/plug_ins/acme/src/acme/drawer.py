"""The push target `drawer`: `drawer://LABEL` is a folder below $ACME_DRAWERS, with versions as in any other folder."""

import os
from pathlib import Path

from stellwerk.components.deployment.targets.folder import FolderTarget


def target(to, directory, name):
    """Returns where the versions of the model `name` are."""
    return FolderTarget(Path(os.environ["ACME_DRAWERS"]) / to.partition("://")[2] / name)
