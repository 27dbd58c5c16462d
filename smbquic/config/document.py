"""A TOML file that is strictly checked, table by table: errors name file, line and key."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from smbquic.config.positions import Place, positions
from smbquic.config.section import Section
from smbquic.errors import ConfigError
from smbquic.options.kinds import FilePath, StorageLocation
from smbquic.options.model import Declared
from smbquic.storage import resolve_location

_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


class Document:
    """The content of a file, and where in the file each key stands. Paths are relative to it."""

    def __init__(self, path: Path, text: str) -> None:
        """Parse the text of a file. Raises `ConfigError`, which names what to change."""
        self.path = path
        self.content = _parsed(path, text)
        self._lines = dict(positions(text))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises `ConfigError`, which names what to change."""
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: this is not UTF-8 text; save it as such") from error
        return cls(path, text)

    def table(
        self,
        place: Place,
        section: Section,
        table: object,
        others: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return the checked values of a table, by the names of the options.

        `others` are names that are meant elsewhere, for the hint on an unknown key.
        """
        if not isinstance(table, dict):
            raise self.error(place, f"this is a table: write {section.header}")
        values = {}
        for key, value in table.items():
            if key not in section.keys:
                close = closest(key, (*section.keys, *others))
                hint = f"did you mean {close[0]}?" if close else f"there are {_list(section)}"
                raise self.error((*place, key), f"there is no such key; {hint}")
            option = section.keys[key]
            values[option.name] = self._value((*place, key), option, value)
        for key, option in section.keys.items():
            if option.required and option.name not in values:
                raise self.error(place, f"{key} is missing: {option.text}")
        return values

    def _value(self, place: Place, option: Declared, value: object) -> Any:
        assert option.kind is not None
        try:
            found = option.kind.read(value)
        except ValueError as error:
            raise self.error(place, str(error)) from error
        if isinstance(option.kind, StorageLocation):
            try:
                return resolve_location(str(found), self.path.parent)
            except ValueError as error:
                raise self.error(place, str(error)) from error
        if isinstance(option.kind, FilePath) and found is not None:
            return self._path_value(place, option.kind, found)
        return found

    def _path_value(self, place: Place, kind: FilePath, value: Path) -> Path:
        try:
            path = self.path.parent / value.expanduser()
        except RuntimeError as error:
            raise self.error(place, f"there is no home folder for {value}") from error
        if kind.use == "read" and not path.is_file():
            raise self.error(place, f"there is no file {path}; paths are relative to this file")
        return path

    def check(self, place: Place, kind: type[Exception], check: Any, *values: object) -> None:
        """Call a function; where it raises an exception of a kind, raise an error for a place."""
        try:
            check(*values)
        except kind as error:
            raise self.error(place, str(error)) from error

    def line(self, place: Place) -> int:
        """Return the line of a key, or of the table around it."""
        return next(
            (
                self._lines[place[:length]]
                for length in range(len(place), 0, -1)
                if place[:length] in self._lines
            ),
            1,
        )

    def error(self, place: Place, text: str) -> ConfigError:
        """Return an error for a key."""
        key = ".".join(
            f"[{part + 1}]" if isinstance(part, int) else part for part in place
        ).replace(".[", "[")
        return ConfigError(f"{self.path}:{self.line(place)}: {key}: {text}")


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        where = f":{found[1]}" if found else ""
        what = _SYNTAX_LINE.sub("", str(error))
        raise ConfigError(
            f"{path}{where}: this is not TOML: {what}; write strings in quotes"
        ) from error
    except (ValueError, RecursionError) as error:
        # tomllib has no error of its own for numbers of thousands of digits, and deep nesting.
        raise ConfigError(
            f"{path}: a number is too long, or brackets are nested too deep"
        ) from error


def closest(given: str, known: Iterable[str]) -> list[str]:
    """Return the one known word that was probably meant by another; none if that is a guess."""
    return difflib.get_close_matches(given, known, 1, 0.75)


def _list(section: Section) -> str:
    return ", ".join(section.keys)
