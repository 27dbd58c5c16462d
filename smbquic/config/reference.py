"""`docs/reference/configuration.md`, made from what may stand in the file."""

from smbquic.config.schema import KINDS, SECTIONS


def reference() -> str:
    """The page."""
    lines = [
        "# The configuration file",
        "",
        "`smbquic serve -c FILE` reads it. It is TOML and strictly checked: whatever is not listed"
        " here is an error, which names",
        "the line and what to do. Paths are relative to the file. Options on the command line win"
        " over it; `--share` and `--user` add to it.",
        "",
        "This page is made from `smbquic/config/schema.py`, and a test compares the two:",
        "`python -m smbquic.config > docs/reference/configuration.md`.",
    ]
    for section in SECTIONS:
        lines += ["", f"## `{section.header}`" if section.name else "## The top of the file", ""]
        lines += [section.text]
        if section.keys:
            lines += ["", "| key | value | default | |", "|---|---|---|---|"]
        for key in section.keys:
            value = ", ".join(f'"{each}"' for each in key.choices) or KINDS[key.kind]
            if key.choices and key.kind == "strings":
                value = f"a list of {value}"
            default = "**required**" if key.required else key.default
            lines.append(f"| `{key.name}` | {value} | {default} | {key.text} |")
    return "\n".join(lines) + "\n"
