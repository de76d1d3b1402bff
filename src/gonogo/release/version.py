"""The next version number, by rule, so that a number means something.

incompatible schema (a request that was right is refused now, or other classes)   major
a schema that takes more, or other weights                                        minor
anything else that ships: calibrator, pipeline, baseline, environment, documents  patch

A calibrator that is new gives the scores another name inside the model; nobody outside sees it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from gonogo.base.names import Version
from gonogo.model.schema import Schema


class Shipped(Protocol):
    """What the rule looks at of a bundle."""

    @property
    def schema(self) -> Schema: ...

    @property
    def model_digest(self) -> str: ...


class Released(Protocol):
    """The release before: `release.verify.VerifiedRelease` has this shape."""

    @property
    def version(self) -> Version: ...

    @property
    def bundle(self) -> Shipped: ...


FIRST = Version(1, 0, 0)


def next_version(previous: Released | None, bundle: Shipped) -> Version:
    """The version that `bundle` must be released under after `previous`; 1.0.0 when it is the first."""
    if previous is None:
        return FIRST
    before = previous.bundle
    if not bundle.schema.accepts_what(before.schema):
        return previous.version.bump("major")
    if replace(bundle.schema, score_output=before.schema.score_output) != before.schema or bundle.model_digest != before.model_digest:
        return previous.version.bump("minor")
    return previous.version.bump("patch")
