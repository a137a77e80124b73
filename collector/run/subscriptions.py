"""Whether the Activity API may be listed: what subscriptions are on, and starting one where the engagement says so.

Invariant: the tenant is asked once a run, and nothing is started that the engagement file does not allow; none is
ever stopped. Source: protocol.md A2.
"""

from collections.abc import Mapping
from functools import partial
from threading import Lock

from collector.config import Limits
from collector.errors import Forbidden, QuestionError
from collector.evidence import RunFolder
from collector.run.observe import Observer
from collector.run.outage import Lifeline
from collector.sources.management_activity import NOT_SUBSCRIBED, ManagementActivity


class Subscriptions:
    """The subscriptions of one run; shared by its threads."""

    def __init__(
        self, source: ManagementActivity, run: RunFolder, lifeline: Lifeline, *, limits: Limits, observer: Observer
    ) -> None:
        self._source = source
        self._run = run
        self._lifeline = lifeline
        self._limits = limits
        self._observer = observer
        self._lock = Lock()
        self._on: Mapping[str, bool] | None = None
        self._troubles: dict[str, str | None] = {}
        self._started: set[str] = set()

    def trouble(self, content_type: str) -> str | None:
        """Return the reason why a content type cannot be listed, None where it can be, as far as can be told."""
        with self._lock:
            if content_type not in self._troubles:
                self._troubles[content_type] = self._find_trouble(content_type)
            return self._troubles[content_type]

    def just_started(self, content_type: str) -> bool:
        """Whether this run has started the subscription."""
        return content_type in self._started

    def _find_trouble(self, content_type: str) -> str | None:
        try:
            if self._is_on(content_type):
                return None
            if not self._source.may_start:
                self._observer.notice(self._how_to_start(content_type))
                return NOT_SUBSCRIBED
            self._start(content_type)
        except Forbidden:
            return "forbidden"
        except QuestionError as error:
            return f"{error.reason}: {error}"
        return None

    def _is_on(self, content_type: str) -> bool:
        """Tell whether a subscription is on, or may be: where no list is to be had the listing of content will say."""
        if self._on is None:
            try:
                self._on = self._lifeline.outlasting(self._source.subscriptions, self._limits.attempts)
            except QuestionError:
                return True
        return self._on.get(content_type.lower(), False)

    def _start(self, content_type: str) -> None:
        if self._lifeline.outlasting(partial(self._source.start, content_type), self._limits.attempts):
            self._run.started(self._source.name, content_type)
            self._started.add(content_type)
            self._observer.notice(f"started the subscription to {content_type}; its first content can take 12 hours")

    def _how_to_start(self, content_type: str) -> str:
        return (
            f"no subscription to {content_type} is on, so nothing of it can be collected. To start it, write "
            f"`start_subscriptions: true` under `management-activity` in the engagement file and run again; "
            f"that sends POST {self._source.start_address(content_type)}"
        )
