"""JSON schemas of the configuration files, by which editors complete and check them."""

from typing import Any

from smbquic.config import schema
from smbquic.config.profiles import PROFILES
from smbquic.config.section import Section

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The version of JSON schema that editors for TOML have."""


def server_schema() -> dict[str, Any]:
    """Return the schema of the server's file."""
    top = _table(schema.TOP)
    single = (
        *(schema.CONNECTION_IDS, schema.LIMITS, schema.WEB),
        *(schema.TRACES, schema.AUDIT, schema.ACME),
    )
    gateway = _table(schema.GATEWAY)
    certificate = _table(schema.CERTIFICATE)
    # With [acme] one table may be without a file: `smbquic.config.schema.RULES`.
    del certificate["required"]
    gateway["properties"]["pools"] = _tables(schema.POOLS)
    top["properties"] |= {
        **{section.name: _table(section) for section in single},
        "shares": _tables(schema.SHARES),
        "certificate": {"type": "array", "items": certificate},
        "users": {
            "type": "object",
            "description": schema.USERS.text,
            "additionalProperties": {"type": "string"},
        },
        "gateway": gateway,
    }
    return {"$schema": DIALECT, "title": "smbquic serve and smbquic gateway", **top}


def client_schema() -> dict[str, Any]:
    """Return the schema of the client's file."""
    return {
        "$schema": DIALECT,
        "title": "smbquic profiles",
        "type": "object",
        "properties": {"profiles": _tables(PROFILES)},
        "additionalProperties": False,
    }


def _tables(section: Section) -> dict[str, Any]:
    """Return the schema of tables with names that the writer of the file chooses."""
    return {"type": "object", "additionalProperties": _table(section)}


def _table(section: Section) -> dict[str, Any]:
    properties = {}
    for key, option in section.keys.items():
        assert option.kind is not None
        default = "" if option.required else f" Default: {option.default_text}."
        properties[key] = {**option.kind.schema, "description": option.text + default}
    required = [key for key, option in section.keys.items() if option.required]
    return {
        "type": "object",
        "description": section.text,
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }
