"""Patterns for paths, with the syntax of rclone's filters.

``*`` and ``?`` match within a component, ``**`` across components; there are classes (``[a-z]``,
``[!a-z]``, ``[[:digit:]]``), alternatives (``{jpg,png}``), regular expressions (``{{jpe?g}}``), and
a backslash before a character that is meant literally, or before d, s, w and their opposites. A
pattern that starts with ``/`` matches from the root on; any other matches whole components at the
end of a path.
"""

import re
import string

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPED_CLASSES = "dDsSwW"
_FLAGS = re.compile(r"\(\?([ims]+)\)")


class FilterPattern:
    """A pattern, compiled. Raises ValueError for one that cannot be."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rooted = text.startswith("/")
        self._pattern = _Translator(text.removeprefix("/"), text).pattern()
        self._regex = self._compile("" if self.rooted else "(?:.*/)?", self._pattern)
        self._folders = self._folder_patterns()

    def _compile(self, *parts: str) -> re.Pattern[str]:
        try:
            return re.compile("".join(parts), re.DOTALL)
        except re.error as error:
            raise ValueError(f"{self.text!r} is not a pattern: {error}") from None

    def matches(self, path: str) -> bool:
        """Return whether it matches a path, which does not start with ``/``."""
        return self._regex.fullmatch(path) is not None

    @property
    def matches_whatever_follows(self) -> bool:
        """Whether a path that it matches may be longer, and it would match all the same."""
        return self.text in ("*", "/**") or self.text.endswith("**")

    def may_match_below(self, folder: str) -> bool:
        """Return whether there can be a path in a folder, or further below, that it matches.

        True as well where that is too hard to say.
        """
        if self._folders is None:
            return True
        components = folder.split("/") if folder else []
        if len(components) > len(self._folders):
            return False
        return all(
            regex.fullmatch(component)
            for regex, component in zip(self._folders, components, strict=False)
        )

    def _folder_patterns(self) -> list[re.Pattern[str]] | None:
        """Return a pattern for each folder that a match is in; None if it may be in any."""
        text = self.text.removeprefix("/")
        # There may be a / in braces and brackets, so that splitting at each / would be wrong.
        if not self.rooted or "**" in text or any(each in text for each in "{["):
            return None
        return [self._compile(_Translator(part, part).pattern()) for part in text.split("/")[:-1]]


class _Translator:
    """Makes a regular expression of a pattern."""

    def __init__(self, text: str, shown: str) -> None:
        self._text = text
        self._shown = shown
        self._at = 0
        self._depth = 0

    def pattern(self) -> str:
        parts = []
        while self._at < len(self._text):
            parts.append(self._next())
        if self._depth:
            raise self._error("a { has no } that closes it")
        return "".join(parts)

    def _error(self, what: str) -> ValueError:
        return ValueError(f"{self._shown!r} is not a pattern: {what}")

    def _take(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def _follows(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _next(self) -> str:
        if self._follows("{{"):
            return self._regular_expression()
        character = self._take()
        match character:
            case "*":
                return self._stars()
            case "?":
                return "[^/]"
            case "[":
                return self._class()
            case "{":
                self._depth += 1
                return "(?:"
            case "}" if self._depth:
                self._depth -= 1
                return ")"
            case "," if self._depth:
                return "|"
            case "}" | "]":
                raise self._error(f"a {character} closes nothing; write \\{character}")
            case "\\":
                return self._escaped()
        return re.escape(character)

    def _stars(self) -> str:
        count = 1
        while self._follows("*"):
            self._take()
            count += 1
        if count > 2:
            raise self._error("write * or **")
        return "[^/]*" if count == 1 else ".*"

    def _escaped(self) -> str:
        character = self._take()
        if not character:
            raise self._error("a \\ at the end stands before nothing")
        if character in _ESCAPED_CLASSES:
            return f"\\{character}"
        if character in string.ascii_letters + string.digits:
            raise self._error(f"\\{character} has no meaning")
        return re.escape(character)

    def _class(self) -> str:
        parts = ["["]
        if self._follows("!") or self._follows("^"):
            self._take()
            parts.append("^")
        while not self._follows("]"):
            if self._at >= len(self._text):
                raise self._error("a [ has no ] that closes it")
            parts.append(self._in_class())
        self._take()
        if parts[-1] in ("[", "^"):
            raise self._error("there is nothing between [ and ]")
        return "".join(parts) + "]"

    def _in_class(self) -> str:
        if self._follows("[:"):
            end = self._text.find(":]", self._at)
            name = self._text[self._at + 2 : end] if end > 0 else ""
            negated, name = name.startswith("^"), name.removeprefix("^")
            if name not in _CLASSES or negated:
                raise self._error(f"there is no class [:{name}:]")
            self._at = end + 2
            return _CLASSES[name]
        low = self._class_character()
        if not self._follows("-") or self._follows("-]"):
            return low
        self._take()
        if self._follows("-"):
            raise self._error("write \\- for a - that ends a range")
        return f"{low}-{self._class_character()}"

    def _class_character(self) -> str:
        character = self._take()
        return self._escaped() if character == "\\" else re.escape(character)

    def _regular_expression(self) -> str:
        """Take ``{{...}}``; of more than two braces, the last two are the end."""
        end = self._text.find("}}", self._at + 2)
        if end < 0:
            raise self._error("a {{ has no }} that closes it")
        while self._text.startswith("}}", end + 1):
            end += 1
        expression = self._text[self._at + 2 : end]
        self._at = end + 2
        flags = _FLAGS.match(expression)
        if flags is None:
            return f"(?:{expression})"
        return f"(?{flags[1]}:{expression[flags.end() :]})"
