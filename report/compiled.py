"""Templates that stay compiled between two runs, beside their sources, as Python keeps its modules."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from pickle import UnpicklingError

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache


class CompiledTemplates(FileSystemBytecodeCache):
    """Bytecode in `__pycache__` of the folder of the templates; where that cannot be written, each process compiles anew.

    It is code of the package like the modules beside it, so it is never kept where data lie.
    """

    def __init__(self, templates: Path) -> None:
        super().__init__(
            str(templates / "__pycache__"), f"%s.jinja-{jinja2.__version__}.{sys.implementation.cache_tag}"
        )

    def load_bytecode(self, bucket: Bucket) -> None:
        """Takes a template that was compiled before, if there is one that can be read."""
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps a compiled template, unless Python is told to write no bytecode."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
