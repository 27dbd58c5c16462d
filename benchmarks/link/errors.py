"""Errors of a link."""


class LinkError(Exception):
    """The link does not do what it should."""


class LinkUnavailable(LinkError):  # noqa: N818
    """This machine cannot make a link; the text says what it lacks."""
