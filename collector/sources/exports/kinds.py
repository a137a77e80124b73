"""The kinds of export that are known; each is told by the names of its columns or members."""

from collector.errors import UsageError
from collector.sources.exports import entra_sign_ins, historical_search
from collector.sources.exports.kind import Kind

KINDS: tuple[Kind, ...] = (historical_search.TRACE, historical_search.DETAIL, entra_sign_ins.SIGN_INS)


def named(name: str) -> Kind:
    """Return a kind by its name; raises UsageError where there is none."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    known = ", ".join(kind.name for kind in KINDS)
    raise UsageError(f"{name!r} is not a kind of export", remedy=f"name one of {known}")
