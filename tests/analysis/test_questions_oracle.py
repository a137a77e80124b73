"""Each question equals its answer by the oracle, over made-up stories and with each filter.

A story has the records of both feeds in two runs that overlap, copies and variants, and message traces with or without
a gap. An answer depends on what was recorded alone: not on the order of lines, nor on the run, feed, time zone or
language that they are read in.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.model import Status
from tests.analysis import oracle
from tests.analysis.cases import (
    COLUMNS,
    DAYS,
    LISTS,
    OF_ACCESSES,
    TIMES,
    Line,
    Row,
    Told,
    as_rows,
    ask,
    encoded,
    from_csv,
    from_parquet,
    ready,
    told,
    trace,
    written,
)
from tests.analysis.feeds import Piece, audit_log, collect, feed
from tests.analysis.oracle import story as made_up
from tests.analysis.oracle.cast import CALLER, GRAPH
from tests.end_to_end.stage import collector, environment

STORIES: dict[str, dict[str, Any]] = {
    "traced-whole": {"seed": 1},
    "traced-with-a-gap": {"seed": 4, "traced": Status.GAP, "seal": False},
    "third": {"seed": 6},
}
COUNT = 160

ORDER = {
    "throttling": "throttled_at mailbox record_id",
    "syncs": "time mailbox folder record_id",
    "contexts": "mailbox first_seen user client_ip client_info session_id logon_type app_id",
    "binds": "time mailbox record_id folder internet_message_id",
    "sessions": "mailbox first_seen session_id user",
    "messages": "mailbox first_accessed internet_message_id user",
    "folders": "mailbox folder_name folder_path user",
    "emails": "mailbox received internet_message_id",
}
"""What each answer is sorted by; what is missing stands last."""


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Told]:
    """Collect each story once."""
    return cache(lambda name: told(tmp_path_factory.mktemp(name), count=COUNT, **STORIES[name]))


@pytest.fixture(params=list(STORIES)[:2])
def story(request: pytest.FixtureRequest, stories: Callable[[str], Told]) -> Told:
    return stories(request.param)


def recorded(story: Told, name: str, luck: str = "") -> str:
    """Return one of the values that the story's records have for a member."""
    rng = Random(f"{name} {luck}")
    access = [one for one in story.records if str(one.get("Operation")).lower() == "mailitemsaccessed"]
    value: str = rng.choice([one[name] for one in access if isinstance(one.get(name), str) and one[name]])
    return value


def message(story: Told, luck: str = "") -> str:
    items = [
        item
        for one in story.records
        for folder in one.get("Folders") or ()
        for item in folder.get("FolderItems") or ()
        if item.get("InternetMessageId")
    ]
    name: str = Random(luck).choice(items)["InternetMessageId"]
    return name


def bound(story: Told, part: float) -> str:
    """Return the very time of a Bind, after some part of them all."""
    times = sorted(
        {one["time"] for one in oracle.answer("binds", story.runs) if one["time"]}, key=datetime.fromisoformat
    )
    time: str = times[int(len(times) * part)]
    return time


FILTERS: dict[str, Callable[[Told], dict[str, Any]]] = {
    "none": lambda _: {},
    "mailbox-by-name": lambda _: {"mailbox": ["LENA.OLD@contoso.example.org"]},
    "mailbox-by-guid": lambda story: {"mailbox": [recorded(story, "MailboxGuid").upper()]},
    "two-users": lambda story: {"user": [recorded(story, "UserId"), recorded(story, "UserId", "other").upper()]},
    "network": lambda _: {"ip": ["203.0.113.0/24"]},
    "addresses-of-both-families": lambda _: {"ip": ["::ffff:198.51.100.0/120", "2001:db8::5"]},
    "session": lambda story: {"session": [recorded(story, "SessionId").upper()]},
    "session-of-an-app": lambda _: {"session": ["c5a0de00-0000-4000-8000-000000000001"]},
    "app-of-the-caller": lambda _: {"app": [CALLER.upper()]},
    "app-of-the-service": lambda _: {"app": [GRAPH]},
    "messages": lambda story: {"message_id": [message(story).strip("<>"), message(story, "other").upper()]},
    "since": lambda story: {"since": bound(story, 0.4)},
    "until": lambda story: {"until": bound(story, 0.6)},
    "feed": lambda _: {"source": ["management-activity"]},
    "log-and-mailbox": lambda _: {
        "source": ["unified-audit-log"],
        "mailbox": ["paul@contoso.example.org", "legacy@fabrikam.example.org"],
    },
    "all-kinds-at-once": lambda story: {
        "mailbox": [recorded(story, "MailboxOwnerUPN")],
        "ip": ["0.0.0.0/1", "128.0.0.0/1", "::/0"],
        "since": "2026-11-01T00:20:00Z",
        "until": "2026-11-01T05:00:00Z",
    },
}


def compared(rows: Iterable[Row]) -> list[str]:
    """Return rows as texts, sorted; of a reason only whether there is one: its wording is not the oracle's."""
    shown = ({**row, "reason": row["reason"] is not None} if "reason" in row else row for row in rows)
    return sorted(json.dumps(row, ensure_ascii=False) for row in shown)


ASKED = [
    *(("traced-whole", narrowing) for narrowing in FILTERS),
    *(("traced-with-a-gap", narrowing) for narrowing in list(FILTERS)[::3]),
    *(("third", narrowing) for narrowing in ("none", "messages", "all-kinds-at-once")),
]
"""The stories that each filter is tried on."""


@pytest.mark.parametrize(("story", "narrowing"), ASKED, indirect=["story"])
@pytest.mark.parametrize("name", OF_ACCESSES)
def test_every_question_with_every_filter_equals_the_oracle(story: Told, name: str, narrowing: str) -> None:
    narrowed = FILTERS[narrowing](story)
    assert compared(ask(story.prepared, name, **narrowed)) == compared(oracle.answer(name, story.runs, **narrowed))


@pytest.mark.parametrize(("story", "narrowing"), ASKED, indirect=["story"])
def test_every_filter_lets_some_records_through_and_not_others(story: Told, narrowing: str) -> None:
    every = oracle.answer("contexts", story.runs)
    some = oracle.answer("contexts", story.runs, **FILTERS[narrowing](story))
    seen, kept = (sum(one["binds"] + one["syncs"] for one in rows) for rows in (every, some))
    assert 0 < kept <= seen
    assert (kept == seen) is (narrowing == "none")


def test_the_stories_hold_what_is_hard(story: Told) -> None:
    emails = ask(story.prepared, "emails")
    gap = story.runs[0].joinpath("custody/coverage.json").read_text(encoding="utf-8").count('"gap"')
    assert {one["trace"] for one in emails} == {"found", "out-of-reach" if gap else "not-found"}
    assert ask(story.prepared, "throttling")
    sessions = ask(story.prepared, "sessions")
    assert any(one["session_id"] is None for one in sessions)
    assert any(one["operations"] > one["messages"] > 0 for one in sessions)
    ids = [one["Id"].lower() for one in story.records if one.get("Id")]
    assert len(set(ids)) < len(ids)


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_csv_and_parquet_hold_what_json_holds_in_its_order(story: Told, name: str) -> None:
    content, csv, parquet = written(story.prepared, name, "json", "csv", "parquet")
    rows: list[Row] = json.loads(content)
    assert from_parquet(parquet) == rows
    assert from_csv(csv) == [{column: in_csv(value) for column, value in row.items()} for row in rows]
    keys = [[sorting(column, row[column]) for column in ORDER[name].split()] for row in rows]
    assert keys == sorted(keys)
    assert len(keys) > 2
    for row in rows:
        assert list(row) == COLUMNS[name].split()
        for column, value in row.items():
            listed = column in LISTS or (name, column) == ("messages", "folders")
            assert isinstance(value, list) is listed
            assert not listed or value == sorted(set(value))
            assert column not in TIMES or value is None or (value.endswith("Z") and datetime.fromisoformat(value))


def in_csv(value: object) -> str:
    return "; ".join(value) if isinstance(value, list) else "" if value is None else str(value)


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_an_answer_without_rows_has_its_columns(stories: Callable[[str], Told], name: str) -> None:
    story = stories("traced-whole")
    content, csv, parquet = written(story.prepared, name, "json", "csv", "parquet", user=["nobody@contoso.example.org"])
    assert json.loads(content) == from_parquet(parquet) == from_csv(csv) == []
    assert csv.decode().strip().replace('"', "") == ",".join(COLUMNS[name].split())


def sorting(column: str, value: Any) -> tuple[bool, Any]:
    return (value is None, datetime.fromisoformat(value) if value and column in TIMES else value or "")


def layouts(records: list[Line], traces: list[Line], evidence: Path) -> dict[str, list[Path]]:
    """Collect the same records in several ways."""
    rng = Random("layouts")
    mixed, traced = (rng.sample(lines, len(lines)) for lines in (records, traces))
    half, rows = len(mixed) // 2, as_rows(mixed)
    whole = trace(Piece(DAYS, encoded(traces)))
    return {
        "one log": [collect(evidence / "a", audit_log(Piece(DAYS, as_rows(records))), whole)],
        "one feed": [collect(evidence / "b", feed(Piece(DAYS, encoded(mixed))), whole)],
        "two runs, in pieces": [
            collect(evidence / "c", audit_log(Piece((0, 24), rows[half:]), Piece((24, 240))), whole),
            collect(
                evidence / "d",
                feed(Piece(DAYS, encoded(mixed[: half + 20]))),
                trace(Piece((0, 120), encoded(traced)), Piece((120, 240))),
            ),
        ],
        "each line in both": [
            collect(evidence / "e", feed(Piece(DAYS, encoded(records))), audit_log(Piece(DAYS, rows)), whole)
        ],
    }


def test_no_answer_depends_on_the_order_or_place_of_lines(tmp_path: Path) -> None:
    records = [one for one in made_up.records(9, 120) if one.get("Id")]
    found = layouts(records, made_up.traces(9, records), tmp_path)
    log, *others = (ready(runs) for runs in (*found.values(), found["two runs, in pieces"][::-1]))
    for name in OF_ACCESSES:
        expected = sorted(map(json.dumps, ask(log, name)))
        assert len(expected) > 2
        for other in others:
            assert sorted(map(json.dumps, ask(other, name))) == expected


@pytest.mark.parametrize(
    "place",
    [{"TZ": "Pacific/Kiritimati", "LC_ALL": "C"}, {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR"}],
    ids=lambda place: place["TZ"],
)
def test_no_answer_depends_on_where_it_is_asked(
    stories: Callable[[str], Told], place: dict[str, str], tmp_path: Path
) -> None:
    story = stories("traced-whole")
    expected = ask(story.prepared, "contexts", since="2026-11-01T02:00:00Z", user=["paul@CONTOSO.example.org"])
    assert expected
    words = ("contexts", story.runs[0].parent, "--since", "2026-11-01T02:00:00Z", "--user", "PAUL@contoso.example.org")
    for form, read in (("json", json.loads), ("parquet", from_parquet)):
        file = tmp_path / f"answer.{form}"
        done = collector("investigate", *words, "--output", file, cwd=tmp_path, env=environment(**place))
        assert done.code == 0, done
        assert read(file.read_bytes()) == expected
