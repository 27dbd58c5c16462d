"""The types of option values: how a value is written in TOML, read and checked."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal

from smbquic.lazy_dataclass import dataclass

_SECONDS = {"": 1, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "m": 60, "h": 3600, "d": 86400}


class Kind:
    """The type of an option's values.

    `read` converts a value of the TOML file to the program's value, `check` takes the program's
    value. Both raise ValueError, which says what to write instead.
    """

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        raise NotImplementedError

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        raise NotImplementedError

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """Raise ValueError for a value that the option cannot have."""
        raise NotImplementedError

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return str(value)

    def _wrong(self, value: object) -> ValueError:
        return ValueError(f"{value!r} has the wrong type: write {self.written}")


@dataclass(frozen=True, slots=True)
class Switch(Kind):
    """True or false; `on` and `off` are the program's values for them."""

    on: object = True
    off: object = False

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return "true or false"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "boolean"}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        if not isinstance(value, bool):
            raise self._wrong(value)
        return self.on if value else self.off

    def check(self, value: object) -> None:
        """Raise ValueError for a value of another type."""
        if not isinstance(value, type(self.on)):
            raise self._wrong(value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return "true" if value == self.on else "false"


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number of `unit`, whole or not, from `minimum` to `maximum`."""

    type: type[int] | type[float]
    unit: str = ""
    minimum: float = 0
    maximum: float = inf

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        number = "a whole number" if self.type is int else "a number"
        return f"{number} of {self.unit}" if self.unit else number

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        bounds = {name: limit for name, limit in limits.items() if abs(limit) != inf}
        return {"type": "integer" if self.type is int else "number", **bounds}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        self.check(value)
        assert isinstance(value, int | float)
        return self.type(value)

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a number, or out of range."""
        numbers = int if self.type is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, numbers):
            raise self._wrong(value)
        if not self.minimum <= value <= self.maximum:
            if self.maximum == inf:
                wanted = f"of at least {self.minimum:g}"
            else:
                wanted = f"from {self.minimum:g} to {self.maximum:g}"
            raise ValueError(f"{value} is out of range; write a number {wanted}")


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """A number of seconds, or a text such as ``2s``, ``100ms`` or ``1m30s``."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return 'a number of seconds, or "2s", "100ms", "1m30s"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": ["number", "string"]}

    def read(self, value: object) -> float:
        """Return the seconds."""
        if isinstance(value, str):
            parts = re.findall(r"([0-9]*\.?[0-9]+)(ms|us|ns|s|m|h|d|$)", value)
            if not parts or "".join(map("".join, parts)) != value:
                raise self._wrong(value)
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
        self.check(value)
        assert isinstance(value, int | float)
        return float(value)

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a number of seconds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self._wrong(value)


@dataclass(frozen=True, slots=True)
class Rate(Kind):
    """Bytes in a second, written as ``10M`` or ``512k``; a number alone is in KiB."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return 'KiB in a second, or "10M", "512k"; "off" for no limit'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": ["number", "string"]}

    def read(self, value: object) -> float | None:
        """Return the bytes in a second, None for no limit."""
        text = str(value).lower()
        found = re.fullmatch(r"([0-9]*\.?[0-9]+)([bkmgt]?)i?b?", text)
        if isinstance(value, bool) or not (found or text == "off"):
            raise self._wrong(value)
        if found is None:
            return None
        rate = float(found[1]) * (1 << 10 * "bkmgt".index(found[2] or "k"))
        return rate or None

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a number of bytes."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self._wrong(value)


@dataclass(frozen=True, slots=True)
class Permissions(Kind):
    """The nine permission bits of a file, written as octal digits: ``644``."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return 'octal digits in quotes, from "000" to "777"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "string", "pattern": "^0?[0-7]{3}$"}

    def read(self, value: object) -> int:
        """Return the bits."""
        if isinstance(value, str) and re.fullmatch("0?[0-7]{3}", value):
            return int(value, 8)
        self.check(value)
        assert isinstance(value, int)
        return value

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not nine bits."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0o777:
            raise self._wrong(value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f'"{value:03o}"'


@dataclass(frozen=True, slots=True)
class Hexadecimal(Kind):
    """Bytes, written as hexadecimal digits: ``c0ffee``."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return 'hexadecimal digits in quotes, "c0ffee"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}

    def read(self, value: object) -> bytes:
        """Return the bytes."""
        if isinstance(value, str) and re.fullmatch("(?:[0-9a-fA-F]{2})+", value):
            return bytes.fromhex(value)
        raise self._wrong(value)

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is no bytes."""
        if not isinstance(value, bytes):
            raise self._wrong(value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f'"{value.hex()}"'


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Any string."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return 'a string in quotes, "like this"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "string"}

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a string."""
        if not isinstance(value, str):
            raise self._wrong(value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f'"{value}"'


@dataclass(frozen=True, slots=True)
class FilePath(Kind):
    """The path of a file that is read, of one that is written, or of a folder.

    A file that is written may be ``-`` for standard output; the program's value is then None.
    """

    use: Literal["read", "written", "folder"] = "read"

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return f"the path of a {'folder' if self.use == 'folder' else 'file'}, in quotes"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "string"}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        if not isinstance(value, str):
            raise self._wrong(value)
        return None if self.use == "written" and value == "-" else Path(value)

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a path; the file need not exist."""
        if not isinstance(value, str | Path) and not (value is None and self.use == "written"):
            raise self._wrong(value)


@dataclass(frozen=True, slots=True)
class StorageLocation(Kind):
    """The location of a storage: the path of a folder, or ``SCHEME:REST``."""

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return "the path of a folder, or SCHEME:REST, in quotes"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "string"}

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a string or path; it need not exist."""
        if not isinstance(value, str | Path):
            raise self._wrong(value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f'"{value}"'


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few values, each by its name."""

    values: Mapping[str, object]

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return _quoted(self.values)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"enum": list(self.values)}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        if not isinstance(value, str):
            raise ValueError(f"{value!r} has the wrong type: write one of {self.written}")
        if value not in self.values:
            raise self._none_of(value)
        return self.values[value]

    def check(self, value: object) -> None:
        """Raise ValueError for any other value."""
        if value not in self.values.values():
            raise self._none_of(value)

    def name(self, value: object) -> str:
        """Return the name of a value."""
        return next(name for name, each in self.values.items() if each == value)

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f'"{self.name(value)}"'

    def _none_of(self, value: object) -> ValueError:
        return ValueError(f"{value!r} is not one of {', '.join(self.values)}")


@dataclass(frozen=True, slots=True)
class Texts(Kind):
    """A list of strings, as in `example`."""

    example: str = '["like", "this"]'
    noun: str = "strings"

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return f"a list of {self.noun}, {self.example}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        return {"type": "array", "items": {"type": "string"}}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        if not isinstance(value, list):
            raise self._wrong(value)
        self.check(value)
        return tuple(value)

    def check(self, value: object) -> None:
        """Raise ValueError for a value that is not a list of strings."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._wrong(value)
        if not all(isinstance(each, str) for each in value):
            raise ValueError(f"every element must be a string: write {self.written}")

    def shown(self, value: Any) -> str:
        """Return a value as it is written in the configuration file."""
        return f"[{_quoted(value)}]"


@dataclass(frozen=True, slots=True)
class Names(Texts):
    """Some of the `choices`, the preferred one first; none only with `may_be_empty`."""

    choices: Collection[str] = ()
    may_be_empty: bool = False

    @property
    def written(self) -> str:
        """How a value is written in the configuration file."""
        return f"a list of {_quoted(self.choices)}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value in the configuration file."""
        items = {"enum": list(self.choices)}
        return {"type": "array", "items": items, "minItems": 1}

    def read(self, value: object) -> Any:
        """Return the program's value for one of the configuration file."""
        found = Texts.read(self, value)
        if not found:
            raise self._empty()
        return found

    def check(self, value: object) -> None:
        """Raise ValueError for an unknown name."""
        Texts.check(self, value)
        assert isinstance(value, Sequence)
        if not value and not self.may_be_empty:
            raise self._empty()
        for each in value:
            if each not in self.choices:
                raise ValueError(f"{each!r} is not one of {', '.join(self.choices)}")

    def _empty(self) -> ValueError:
        return ValueError(f"write one or more of {', '.join(self.choices)}")


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in texts)
