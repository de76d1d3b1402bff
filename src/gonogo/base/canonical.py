"""Canonical JSON (RFC 8785) and the digest of a value.

Two equal values have the same bytes on every machine, so a digest of them can be signed and compared. NaN and infinities have no
canonical form and are refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 encoding of a JSON value. Raises ValueError for NaN, infinities and what JSON cannot say."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"no canonical JSON for this value: {error}") from error


def digest(value: Any) -> str:
    """`sha256:<hex>` of the canonical form of a JSON value."""
    return "sha256:" + hashlib.sha256(canonical_bytes(value)).hexdigest()


def parse_json(data: bytes | str) -> Any:
    """Strict JSON: refuses duplicate keys, NaN and nesting too deep to read. Raises ValueError."""

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key appears twice in one object")
        return result

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        return json.loads(data, object_pairs_hook=no_duplicates, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
