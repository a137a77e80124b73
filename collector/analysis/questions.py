"""The questions, each a file in queries/ that an analyst can read and run: its comment is its help."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

from collector.analysis.limits import ACCESSES, MESSAGES, SIGN_INS, TENANT_SETTINGS, Subject
from collector.analysis.rows import TABLES

NAMES = (
    "throttling", "syncs", "contexts", "binds", "sessions", "messages", "folders", "emails", "signins", "settings"
)  # fmt: skip
"""In the order in which they are asked: Microsoft's four steps, what was accessed, who came in, what stood open."""

NEEDED = TABLES.keys() - {"raw"}
"""The tables that any question may read."""

_COUNTED = (
    "counts are least numbers: the same access is not recorded again within an hour, and a Bind record gathers what "
    "was opened in two minutes"
)
_NOT_ALL_SIGN_INS = (
    "the audit log tells of few of the sign-ins without a prompt, in which tokens are renewed: export Entra's own log, "
    "interactive and non-interactive, and `collector import` it"
)
_NO_SYNC = "a Sync copies a folder and names no message: ask `folders` and `syncs` too"


_SUBJECTS = {"emails": MESSAGES, "signins": SIGN_INS, "settings": TENANT_SETTINGS}

_REMARKS = {
    **dict.fromkeys(("contexts", "sessions"), (_COUNTED,)),
    **dict.fromkeys(("binds", "emails"), (_NO_SYNC,)),
    "messages": (_COUNTED, _NO_SYNC),
    "signins": (_NOT_ALL_SIGN_INS,),
}


class Question(NamedTuple):
    """A question: its title, what it means and when to ask it, an example, and its SQL."""

    name: str
    title: str
    meaning: str
    example: str
    sql: str

    @property
    def gathers(self) -> bool:
        """Whether it makes few rows of many: it is better asked once and kept than asked twice, and sorts little."""
        return "GROUP BY" in self.sql

    @property
    def remarks(self) -> tuple[str, ...]:
        """What must be known to read the answer rightly."""
        return _REMARKS.get(self.name, ())

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return _SUBJECTS.get(self.name, ACCESSES)


@cache
def question(name: str) -> Question:
    """Return one of the questions in NAMES."""
    text = files("collector.analysis").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    comment = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
    title, meaning, *_ = "\n".join(comment).split("\n\n")
    example = next(line.removeprefix("Example: ") for line in comment if line.startswith("Example: "))
    return Question(name, title, meaning.replace("\n", " "), example, text)


def help_text() -> str:
    """Return a paragraph on each question: what it means, when to ask it, an example."""
    asked = [question(name) for name in NAMES]
    return "\n\n".join(f"{one.name}: {one.title} {one.meaning}\n\n  {one.example}" for one in asked)
