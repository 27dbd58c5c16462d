from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smbquic.server.patterns import compile_expression, has_wildcards, is_valid


def matches(expression: str, name: str) -> bool:
    return compile_expression(expression)(name)


@pytest.mark.parametrize(
    ("expression", "name", "expected"),
    [
        ("*", "anything.at.all", True),
        ("*.*", "without", True),
        ("*.*", "with.dot", True),
        ("*.txt", "a.txt", True),
        ("*.txt", "a.txt.bak", False),
        ("*.txt", "A.TXT", True),
        ("a*c", "abbbc", True),
        ("a*c", "ac", True),
        ("a*c", "abcd", False),
        ("*b*b*", "abcb", True),
        ("*b*b*", "abc", False),
        ("*aba", "ababa", True),
        ("*?a", "a", False),
        ("????.txt", "four.txt", True),
        ("????.txt", "three.txt", False),
        ("a?", "a", False),
        ("name", "NAME", True),
        ("name", "names", False),
        ("[a].b+", "[A].B+", True),
        ("[a]", "a", False),
        ("é*", "École", True),
        ("straße", "STRASSE", False),
        ("?", "ß", True),
        ("??", "\U0001f600", True),
        ("É\U0001f600*", "é\U0001f600.txt", True),
        ("?", "\U0001f600", False),
        # DOS_DOT: a period, or nothing at the end
        ('a"b', "a.b", True),
        ('a"b', "ab", False),
        ('a"', "a", True),
        ('a""', "a.", True),
        ('*"', "a", True),
        # DOS_QM: one character, but none at a period or the end
        (">>>>", "abc", True),
        (">>>>", "abcde", False),
        (">>>>.txt", "ab.txt", True),
        (">>.txt", "abc.txt", False),
        (">>>", "a.b", False),
        ("a>b", "ab", False),
        ('>>>>>>>>">>>', "readme.md", True),
        ('>>>>>>>>">>>', "readme", True),
        ('>>>>>>>>">>>', "readme.text", False),
        # DOS_STAR: anything, but not the last period
        ("<.txt", "a.txt", True),
        ("<.txt", "a.b.txt", True),
        ("<.txt", "a.txt.b", False),
        ("<", "a.b", False),
        ("<", "ab", True),
        ("<", "a.", False),
        ('<"', "a.", True),
        ("a.<", "a.bc", True),
        ('<"*', "noext", True),
        ('<">>>', "a.b.tar", True),
        ('<">>>', "a.b.c.text", False),
        # a DOS_STAR after another star
        ("*.<", "a.b", True),
        ("*.<", "a.b.c", True),
        ("<.<", "a.b.c", True),
        ("<.<", "abc", False),
        ("*a<b", "xaybayb", True),
        ("*a<b", "xay.b", False),
        ('<?<">', "ab.c", True),
        ('<b<">>', "ab.cde", False),
    ],
)
def test_matches(expression: str, name: str, expected: bool) -> None:
    assert matches(expression, name) is expected


def reference(expression: str, name: str) -> bool:
    """The rules of 2.1.4.4 word by word, as slow as they come."""
    expression, name = expression.upper(), name.upper()
    last_dot = name.rfind(".")

    @cache
    def at(e: int, n: int) -> bool:
        if e == len(expression):
            return n == len(name)
        sign, end = expression[e], n == len(name)
        if sign == "*":
            return at(e + 1, n) or (not end and at(e, n + 1))
        if sign == "<":
            return at(e + 1, n) or (not end and n != last_dot and at(e, n + 1))
        if sign == '"' and end:
            return at(e + 1, n)
        if sign == ">" and (end or name[n] == "."):
            return at(e + 1, n)
        if end:
            return False
        if sign == '"':
            return name[n] == "." and at(e + 1, n + 1)
        return (sign in "?>" or sign == name[n]) and at(e + 1, n + 1)

    return expression == "*.*" or at(0, 0)


@given(st.text('ab.*?<>"', min_size=1, max_size=9), st.text("abB.", min_size=1, max_size=9))
@example('*<>>"""', "a")
def test_agrees_with_the_rules_word_by_word(expression: str, name: str) -> None:
    assert matches(expression, name) is reference(expression, name)


@pytest.mark.parametrize("expression", ["*a" * 60 + "b", "*a<a" * 30 + "b", '*>"<' * 50 + "b"])
def test_no_expression_is_slow(expression: str) -> None:
    # Backtracking would take longer than the universe has: that the test ends is the proof.
    matcher = compile_expression(expression)
    assert not any(matcher("a" * 255) for _ in range(10))


@pytest.mark.parametrize("expression", ["*", "a?", "a<", "a>", 'a"'])
def test_wildcards(expression: str) -> None:
    assert has_wildcards(expression)
    assert is_valid(expression)


@pytest.mark.parametrize("expression", ["name", ".", "..", "a b"])
def test_plain(expression: str) -> None:
    assert not has_wildcards(expression)
    assert is_valid(expression)


@pytest.mark.parametrize("expression", ["", "a\\b", "a/b", "a:b", "a|b", "a\x01", "a" * 256])
def test_invalid(expression: str) -> None:
    assert not is_valid(expression)
