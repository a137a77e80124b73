"""The errors of the Management Activity API, by their AF codes; protocol.md A5.

The documentation gives no HTTP status for a code. 401 for AF10001, 403 for AF429 and 500 for AF50000 were seen; an
error in what was asked is 400.
"""

from collector.simulator.wire import Reply, to_json

JSON_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
}
"""Seen on every answer; protocol.md A3."""

THROTTLED = "AF429"

_TEXTS = {
    "AF10001": "The permission set ({}) sent in the request does not include the expected permission.",
    "AF20001": "Missing parameter: {}.",
    "AF20002": "Invalid parameter: {}.",
    "AF20010": "The tenant of the URL ({}) is not the tenant of the access token.",
    "AF20011": "The tenant {} does not exist.",
    "AF20013": "The tenant of the URL ({}) is not a GUID.",
    "AF20020": "The specified content type is not valid.",
    "AF20022": "No subscription found for the specified content type.",
    "AF20023": "The subscription was disabled by {}.",
    "AF20024": "The subscription is already enabled. No property change.",
    "AF20030": "startTime and endTime: both or neither, at most 24 hours apart, not more than 7 days in the past.",
    "AF20031": "Invalid nextPage: {}.",
    "AF20050": "The content {} does not exist.",
    "AF20051": "The content {} has expired.",
    "AF20052": "The content ID {} is not valid.",
    "AF20053": "Accept-Language may name one language only: {}.",
    THROTTLED: "Too many requests. {}",
}
_STATUSES = {"AF10001": 401, THROTTLED: 403, "AF50000": 500, "AF50005": 500, "AF50006": 500}


class FeedError(Exception):
    """A request that is answered with an AF code; `about` is what the text names, `status` 0 the code's own."""

    def __init__(self, code: str, about: str = "", *, status: int = 0, retry_after: str | None = None) -> None:
        super().__init__(code)
        text = _TEXTS.get(code, "An internal error occurred. Retry the request.").format(about)
        more = {"Retry-After": retry_after} if retry_after is not None else {}
        body = to_json({"error": {"code": code, "message": text}})
        self.reply = Reply(status or _STATUSES.get(code, 400), body, {**JSON_HEADERS, **more})


def unauthorized(refused: Reply) -> Reply:
    """Write a 401 of the token check as the gateway before the API does."""
    body = to_json({"Message": "Authorization has been denied for this request."})
    return Reply(401, body, {**JSON_HEADERS, **refused.headers})
