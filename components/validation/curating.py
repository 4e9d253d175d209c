"""Writes the schema of a run as a file for a person to curate."""

from __future__ import annotations

import os
from pathlib import Path

from stellwerk.errors import StepFailed, UsageError

HEADER = """\
# What the data of this pipeline must look like (a TensorFlow Data Validation schema, as text).
# It began as what the train split looked like. Read it, make it what is true of all the data to come, and commit it:
# every split of every run is held to it, and what does not fit stops the run before training.
#
#   type: INT | FLOAT | BYTES          whole numbers (also booleans and times), fractions, texts
#   presence { min_fraction: 0.99 }    the share of the examples that must have a value; 1.0: all of them
#   presence { min_count: 0 }          a split without any value is right too
#   domain: "carrier"                  the values are those of the string_domain of that name, at the end of the file
#   distribution_constraints { min_domain_mass: 0.99 }
#                                      the share of the values that must be in the domain; 1.0: all of them
#   int_domain { min: 0 max: 120 }     the range of whole numbers; with is_categorical: true they are names, not quantities
#   float_domain { min: 0.0 disallow_nan: true disallow_inf: true }
#   bool_domain { }                    0 and 1 only
#   lifecycle_stage: DEPRECATED        the column may be there or not, and is not looked at
#
# When a run is stopped, its table names the line here that would accept the data. A comment begins with #.

"""


def curate(schema: Path, target: Path, overwrite: bool = False) -> None:
    """Writes the schema of a run to `target` under a comment that teaches how to edit it, whole or not at all.

    `schema` is a Schema artifact or its `schema.pbtxt`. Raises UsageError where `target` exists, unless `overwrite`:
    it may hold hours of somebody's work.
    """
    source = schema / "schema.pbtxt" if schema.is_dir() else schema
    if target.exists() and not overwrite:
        raise UsageError(f"{target}: exists already and is not overwritten. Edit it, or remove it first")
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise StepFailed(f"{source}: the schema of the run cannot be read: {error.strerror}. Run it again") from error
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text if text.startswith(HEADER) else HEADER + text, encoding="utf-8")
        aside.replace(target)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StepFailed(f"{target}: the schema cannot be written: {error.strerror}. Choose another place") from error
