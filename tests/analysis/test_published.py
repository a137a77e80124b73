"""Records that others have published, where they lie beside the checkout: asked as rows of the log and as the feed.

Nothing of them is written here: what is expected is read from their files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.analysis.prepare import Prepared
from tests.analysis import oracle
from tests.analysis.cases import OF_ACCESSES, Line, Row, ask, ready
from tests.analysis.feeds import Piece, audit_log, collect, feed
from tests.sources.test_samples import ROW, SAMPLES, as_row, one_line, samples

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no published records at {SAMPLES}")

HOURS = (0, 24)


def published() -> list[Line]:
    return [json.loads(record) for record in samples()]


def sample(name: str) -> Line:
    (path,) = SAMPLES.glob(f"{name}_*.json")
    record: Line = json.loads(path.read_bytes())
    return record


@pytest.fixture(scope="module", params=["log", "feed", "both"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = audit_log(Piece(HOURS, [one_line(as_row(record)) for record in samples()]))
    activity = feed(Piece(HOURS, [one_line(record) for record in samples()]))
    feeds = {"log": [log], "feed": [activity], "both": [log, activity]}[request.param]
    return collect(tmp_path_factory.mktemp(request.param), *feeds)


@pytest.fixture(scope="module")
def case(run: Path) -> Prepared:
    return ready([run])


def of(rows: list[Row], record: Line) -> list[Row]:
    return [row for row in rows if row["record_id"] == record["Id"]]


def items(record: Line) -> Iterator[tuple[str, str, Any]]:
    """Yield the messages of a Bind, each with its folder and size."""
    for folder in record["Folders"]:
        for item in folder["FolderItems"]:
            yield folder["Path"], item.get("InternetMessageId") or item["Id"], item.get("SizeInBytes")


@pytest.mark.parametrize("name", OF_ACCESSES)
def test_every_question_equals_the_oracle(run: Path, case: Prepared, name: str) -> None:
    rows = sorted(json.dumps({**row, "reason": None}) for row in ask(case, name))
    assert rows == sorted(json.dumps({**row, "reason": None}) for row in oracle.answer(name, [run]))
    assert bool(rows) is (name != "throttling")


def test_each_bind_shows_its_items_and_each_sync_its_folder(case: Prepared) -> None:
    binds, syncs = ask(case, "binds"), ask(case, "syncs")
    records = published()
    bound = [one for one in records if "Folders" in one]
    assert (len(bound), len(records) - len(bound)) >= (9, 3)
    for record in bound:
        shown = [(row["folder"], row["internet_message_id"], row["size"]) for row in of(binds, record)]
        assert sorted(shown, key=str) == sorted(items(record), key=str)
        assert not of(syncs, record)
    for record in records:
        if "Folders" not in record:
            (sync,) = of(syncs, record)
            assert sync["folder"] == record["Item"]["ParentFolder"]["Name"]
            assert not of(binds, record)
    assert len(binds) == sum(len(list(items(record))) for record in bound)


def test_a_remote_procedure_call_is_a_bind_or_a_sync_as_its_properties_say(case: Prepared) -> None:
    bind, sync = sample("inv10"), sample("inv14")
    assert bind["ClientInfoString"] == sync["ClientInfoString"] == "Client=MSExchangeRPC"
    assert len(of(ask(case, "binds"), bind)) == len(list(items(bind))) > 0
    assert len(of(ask(case, "syncs"), sync)) == 1


def test_folders_keep_their_script(case: Prepared) -> None:
    paths = {folder for folder, *_ in items(sample("inv12")) if not folder.isascii()}
    assert paths
    assert paths <= {path for row in ask(case, "messages") for path in row["folders"]}
    name = sample("inv16")["Item"]["ParentFolder"]["Name"]
    assert not name.isascii()
    assert [row["mailbox"] for row in ask(case, "folders") if row["folder_name"] == name]


def test_an_id_without_brackets_is_shown_so_and_found_with_them(case: Prepared) -> None:
    record = sample("snare01")
    assert "ExternalAccess " in record
    ((folder, message, _),) = items(record)
    assert not message.startswith("<")
    for asked in (message, f"<{message}>", message.upper()):
        (row,) = ask(case, "binds", message_id=[asked])
        assert (row["internet_message_id"], row["folder"]) == (message, folder)
        assert (row["record_id"], row["client_ip"]) == (record["Id"], record["ClientIPAddress"])


def test_the_published_row_of_the_cmdlet_is_its_record(tmp_path: Path) -> None:
    (row,) = json.loads((SAMPLES / ROW).read_bytes())
    record = json.loads(row["AuditData"])
    case = ready([collect(tmp_path, audit_log(Piece(HOURS, [json.dumps(row).encode()])))])
    shown = [(one["folder"], one["internet_message_id"], one["size"]) for one in ask(case, "binds")]
    assert sorted(shown, key=str) == sorted(items(record), key=str)
    assert {one["record_id"] for one in ask(case, "binds")} == {record["Id"]}
    assert {one["time"] for one in ask(case, "binds")} == {f"{record['CreationTime']}Z"}
