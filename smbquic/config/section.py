"""A table of a configuration file, with the options that its keys are."""

from collections.abc import Mapping

from smbquic.lazy_dataclass import dataclass
from smbquic.options.model import Declared, declared


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `header` is how it is written there; `keys` are its options by key."""

    name: str
    header: str
    text: str
    keys: Mapping[str, Declared]


def section_of(name: str, header: str, options: type) -> Section:
    """Return the table whose keys are the options of a class; its docstring is the text."""
    text = " ".join((options.__doc__ or "").split())
    keys = {each.key: each for each in declared(options).values() if each.key is not None}
    return Section(name, header, text, keys)
