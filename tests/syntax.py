"""The syntax trees of modules, for tests that read code."""

import ast
import gc
from pathlib import Path


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of the module at `path`.

    A finalizer that parses code meanwhile, as the formatting of a traceback does, makes Python 3.11
    fail with "AST constructor recursion depth mismatch". So no garbage is collected.
    """
    text = path.read_text(encoding="utf-8")
    enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if enabled:
            gc.enable()
