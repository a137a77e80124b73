"""Whatever the bytes of the engagement file, there is an engagement or one usage error, never a traceback."""

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.config import Engagement, load
from collector.errors import UsageError
from tests.config.files import GOOD, NOW, told, written

MARKS = [*"\n\t#[]{},|>?~1\\\"'", "  ", ": ", "- ", "&a", "*a", "!t", "<<", "---", "...", "%YAML 2.0", "\ud7ff", "\x85"]
WORDS = st.sampled_from([*GOOD.split(), *MARKS, "1.5", "true", "last: ", "2026-10-01T00:00:00Z"])
LINES = st.lists(WORDS).map("".join).map(str.encode)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(), LINES, st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"%YAML 1.99999999999999999999999\n---\na: b")
@example(b"a: !<%ff> b")
def test_any_bytes_are_an_engagement_or_a_usage_error(tmp_path: Path, data: bytes) -> None:
    _attempt(written(tmp_path, data))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(GOOD.splitlines()), st.data())
def test_any_line_cut_and_mended_is_an_engagement_or_a_usage_error(
    tmp_path: Path, line: str, data: st.DataObject
) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    mended = line[:start] + "".join(data.draw(st.lists(WORDS, max_size=5))) + line[end:]
    _attempt(written(tmp_path, GOOD.replace(line, mended)))


def _attempt(path: Path) -> None:
    try:
        assert isinstance(load(path, now=NOW).engagement, Engagement)
    except UsageError as error:
        refusal = error
    else:
        return
    assert refusal.remedy
    told(refusal).encode()
