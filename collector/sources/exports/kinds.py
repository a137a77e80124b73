"""The kinds of export that are known; each is told by the names of its columns or members."""

from collector.errors import UsageError
from collector.sources.exports import audit_log, entra_sign_ins, historical_search, message_trace, plan_script
from collector.sources.exports.kind import Kind

KINDS: tuple[Kind, ...] = (
    audit_log.PORTAL,
    audit_log.ROWS,
    audit_log.GRAPH,
    audit_log.RECORDS,
    audit_log.OFFICE_ACTIVITY,
    message_trace.TRACE,
    historical_search.TRACE,
    historical_search.DETAIL,
    entra_sign_ins.SIGN_INS,
    plan_script.ANSWERS,
)
"""An export is of the first of them that it fits."""


def named(name: str) -> Kind:
    """Return a kind by its name; raises UsageError where there is none."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    known = ", ".join(kind.name for kind in KINDS)
    raise UsageError(f"{name!r} is not a kind of export", remedy=f"name one of {known}")
