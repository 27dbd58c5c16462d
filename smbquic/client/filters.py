"""Which files of a tree are copied: rules as of rclone's filters, in its order.

The first rule that matches a path decides; without one, the file is included. A rule whose pattern
ends with ``/`` is about folders: what is in an excluded folder is excluded.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from smbquic.client.filter_patterns import FilterPattern
from smbquic.lazy_dataclass import dataclass
from smbquic.options.filter import FilterOptions

_STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Rule:
    """Includes or excludes what a pattern matches."""

    include: bool
    pattern: FilterPattern
    folders_only: bool = False

    @classmethod
    def make(cls, pattern: str, *, include: bool) -> "Rule":
        """Return the rule of a pattern. Raises ValueError."""
        if pattern.endswith("/") and not include:
            return cls(include, FilterPattern(pattern + "**"))
        return cls(include, FilterPattern(pattern), pattern.endswith("/"))

    @classmethod
    def parse(cls, line: str) -> "Rule":
        """Return the rule of a line ``+ PATTERN`` or ``- PATTERN``. Raises ValueError."""
        sign, space, pattern = line[:1], line[1:2], line[2:].strip()
        if sign not in ("+", "-") or space != " " or not pattern:
            raise ValueError(f"{line!r} is not a rule: write + PATTERN, - PATTERN, or !")
        return cls.make(pattern, include=sign == "+")

    def decides_file(self, path: str) -> bool:
        """Return whether it matches a file."""
        return not self.folders_only and self.pattern.matches(path)

    def decides_folder(self, path: str) -> bool:
        """Return whether it says if there can be included files in a folder."""
        if not self.include:
            # A rule such as `- *.jpg` matches a folder of that name, but not what is in it: others
            # may include that. Only one that matches whatever follows is final.
            return self.pattern.matches_whatever_follows and (
                self.pattern.text == "*" or self.pattern.matches(f"{path}/")
            )
        if self.folders_only:
            return self.pattern.matches(f"{path}/")
        return self.pattern.may_match_below(path)


class Filters:
    """The rules of one transfer, or the list of its files. Without either, all is included.

    Paths are relative to the folder that is copied, with ``/`` between their components.
    """

    def __init__(self, rules: Sequence[Rule] = (), files: Iterable[str] | None = None) -> None:
        self._rules = rules
        self._files = None if files is None else frozenset(files)
        self._folders = frozenset(_folders(self._files or ()))

    @classmethod
    def of(cls, options: FilterOptions) -> "Filters":
        """Return the filters that options ask for, and read the files that they name.

        Raises ValueError for a wrong pattern or rule, `OSError` for a file that cannot be read.
        """
        if options.files_from:
            names = (line.strip("/") for _, line in _lines(options.files_from))
            return cls(files=[name for name in names if name])
        rules = [Rule.make(pattern, include=True) for pattern in options.include]
        rules += [Rule.make(pattern, include=False) for pattern in options.exclude]
        for place, line in _lines(options.filter_from):
            if line == "!":
                rules.clear()
                continue
            try:
                rules.append(Rule.parse(line))
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
        # Who names what is included means nothing else.
        if options.include:
            rules.append(Rule.make("/**", include=False))
        return cls(rules)

    @property
    def include_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self._rules and self._files is None

    def includes_file(self, path: str) -> bool:
        """Return whether a file is to be copied."""
        if self._files is not None:
            return path in self._files
        return next((rule.include for rule in self._rules if rule.decides_file(path)), True)

    def includes_folder(self, path: str) -> bool:
        """Return whether a folder may have files in it that are to be copied."""
        if self._files is not None:
            return path in self._folders
        return next((rule.include for rule in self._rules if rule.decides_folder(path)), True)


def _folders(files: Iterable[str]) -> Iterator[str]:
    for path in files:
        folder, slash, _ = path.rpartition("/")
        while slash:
            yield folder
            folder, slash, _ = folder.rpartition("/")


def _lines(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of files that are not empty and no comments, each with its place."""
    for name in names:
        text = sys.stdin.read() if name == _STANDARD_INPUT else Path(name).read_text()
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if stripped and stripped[0] not in "#;":
                yield f"{name}:{number}", stripped
