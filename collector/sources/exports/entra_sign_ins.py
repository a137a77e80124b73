"""Entra's own sign-in log, which holds the non-interactive sign-ins that the audit log does not.

Source: the portal's CSV, whose columns are the same for interactive and non-interactive sign-ins (only the file's name
tells them apart), and its JSON, which is Microsoft Graph's resource type signIn.
"""

from collector.sources.exports.kind import Kind

SIGN_INS = Kind(
    "entra-sign-ins",
    (
        frozenset({"dateutc", "requestid", "ipaddress", "application"}),
        frozenset({"createddatetime", "ipaddress", "appdisplayname"}),
    ),
    times=frozenset({"createddatetime", "dateutc", "date"}),
)
