"""What the script of `plan --powershell` writes of sources whose rows do not tell what they are about.

A line holds the source and the part that it was asked for, as a plan names them, and the row.
"""

from collector.sources.exports.kind import Kind

ANSWERS = Kind("plan-script", (frozenset({"source", "part", "row"}),))
"""Rows of settings, of mailboxes' own logs and of messages' details."""
