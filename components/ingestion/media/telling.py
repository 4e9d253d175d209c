"""What there was among the files of a source: for the manifest, and in sentences for who checks a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stellwerk.media.pictures import Picture
from stellwerk.media.sniffing import is_named

SHOWN = 8
"""Folders that a sentence names."""


@dataclass
class Told:
    """Counts of the files that were read."""

    folders: Counter[str] = field(default_factory=Counter)
    """Files of each folder, also those that were not looked at."""
    formats: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    misnamed: list[str] = field(default_factory=list)
    """Files with another format than their name says."""
    several: list[str] = field(default_factory=list)
    """Files of several pictures."""
    rows: int = 0

    def add(self, file: str, picture: Picture) -> None:
        """Counts a picture."""
        self.rows += 1
        self.formats[picture.format] += 1
        if not is_named(file, picture.format):
            self.misnamed.append(f"{file} ({picture.format})")
        if picture.frames > 1:
            self.several.append(file)

    def as_json(self) -> dict[str, Any]:
        """Returns it for the manifest."""
        return {
            "formats": dict(sorted(self.formats.items())),
            "misnamed": len(self.misnamed),
            "of_several_frames": len(self.several),
        }

    def nothing(self, first: str) -> str:
        """Returns a sentence about files of which none is a picture."""
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in self.rejected.most_common(SHOWN))
        return f"{first} and all others: none of the {self.rejected.total():,} files is a picture that can be read: {reasons}."

    def sentences(self, source: str) -> Iterator[str]:
        """Yields what is good to know."""
        many = self.folders.total()
        among = (
            "" if many == self.rows + self.rejected.total() else f" of {self.rows + self.rejected.total():,} looked at"
        )
        formats = ", ".join(f"{known} {count:,}" for known, count in self.formats.most_common())
        yield f"{source}: {many:,} files in {self._folders()};{among or ' they are'}: {formats}."
        if self.misnamed:
            yield (
                f"{source}: {len(self.misnamed):,} have another format than their name says, e.g. {self.misnamed[0]}: "
                "what counts is the bytes."
            )
        if self.several:
            yield f"{source}: {len(self.several):,} hold several pictures, e.g. {self.several[0]}: the first is taken."
        alone = sorted(folder for folder, count in self.folders.items() if count == 1 and folder)
        if alone and len(self.folders) > 1:
            yield (
                f"{source}: one file only in {', '.join(alone[:SHOWN])}: where folders are classes, it is in one split, "
                "and nothing is learned or measured of that class."
            )

    def _folders(self) -> str:
        if len(self.folders) == 1:
            only = next(iter(self.folders))
            return f"one folder ({only})" if only else "no folder"
        named = ", ".join(f"{folder or '(none)'} {count:,}" for folder, count in self.folders.most_common(SHOWN))
        return f"{len(self.folders):,} folders ({named}{', ...' if len(self.folders) > SHOWN else ''})"
