"""A secret in the file is refused without being shown, and one that is referred to reaches nobody but its user."""

import os
import sys
import traceback
from pathlib import Path

import pytest

from collector.config import SecretRef, reveal
from collector.config.secrets import printed_by
from collector.errors import UsageError
from tests.config.files import GUID, read, told, with_

SECRET = "hunter2-Zk9"
AUTH = f" {{method: client-secret, client_id: {GUID}, client_secret"
LEAKS = {
    "literal": with_("auth", f"{AUTH}: {SECRET}}}"),
    "quoted": with_("auth", f"{AUTH}: '{SECRET}'}}"),
    "list": with_("auth", f"{AUTH}: [{SECRET}]}}"),
    "mapping": with_("auth", f"{AUTH}: {{{SECRET}: x}}}}"),
    "no space after the colon": with_("auth", f"{AUTH}:{SECRET}}}"),
    "tag": with_("auth", f"{AUTH}: !{SECRET}}}"),
    "tag handle": with_("auth", f"{AUTH}: !{SECRET}!x}}"),
    "alias": with_("auth", f"{AUTH}: *{SECRET}}}"),
    "anchor": with_("auth", f"{AUTH}: &{SECRET} x}}"),
    "empty reference": with_("auth", f"{AUTH}: 'env:{SECRET}'}}"),
    "misspelt reference": with_("auth", f"{AUTH}: 'evn:{SECRET}'}}"),
    "misspelt key": with_("auth", f"{AUTH}s: '{SECRET}'}}"),
    "key of another method": with_("auth", f" {{method: device-code, client_id: {GUID}, client_secret: {SECRET}}}"),
    "in place of the client id": with_("auth", f" {{method: device-code, client_id: {SECRET}}}"),
    "quote left open": with_("auth", f"{AUTH}: '{SECRET}}}"),
    "block without space": with_("auth", f"\n  method: client-secret\n  client_secret:{SECRET}"),
    "certificate's": with_(
        "auth", f" {{method: certificate, client_id: {GUID}, certificate: a.pfx, certificate_password: {SECRET}}}"
    ),
    "proxy's": with_("network", f" {{proxy: 'http://adele:{SECRET}@example.org:8080'}}"),
    "proxy's without scheme": with_("network", f" {{proxy: 'adele:{SECRET}@example.org:8080'}}"),
    "address's": with_("cloud", f" {{authority: 'https://adele:{SECRET}@example.org'}}"),
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_secret_in_the_file_is_refused_and_never_repeated(case: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, LEAKS[case])
    assert SECRET not in told(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("case", ["literal", "quoted", "certificate's"])
def test_a_literal_secret_is_answered_with_the_reason_and_the_three_references(case: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="never written in this file") as caught:
        read(tmp_path, LEAKS[case])
    assert all(form in caught.value.remedy for form in ("env:NAME", "file:PATH", "command:"))


def asked(label: str) -> str:
    """Answer the operator's prompt."""
    return f"answer to {label}"


def command(code: str) -> SecretRef:
    """Return a reference to what a program prints."""
    return SecretRef(kind="command", target=f"{sys.executable!r} -c {code!r}")


def test_each_reference_gives_its_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\r\n")
    references = [
        SecretRef(kind="file", target=str(tmp_path / "secret")),
        command(f"print('{SECRET}')"),
    ]
    assert [reveal(ref, label="client_secret", ask=asked) for ref in references] == [SECRET] * 2
    assert reveal(SecretRef(kind="env", target="PATH"), label="client_secret", ask=asked) == os.environ["PATH"]
    assert reveal(SecretRef(kind="prompt"), label="client_secret", ask=asked) == "answer to client_secret"


def test_only_one_line_break_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f" {SECRET} \n\n")
    ref = SecretRef(kind="file", target=str(tmp_path / "secret"))
    assert reveal(ref, label="client_secret", ask=asked) == f" {SECRET} \n"


def test_a_command_is_not_given_to_a_shell(tmp_path: Path) -> None:
    ref = SecretRef(kind="command", target=f"echo {SECRET} ; touch {tmp_path / 'owned'}")
    assert reveal(ref, label="client_secret", ask=asked).startswith(f"{SECRET} ;")
    assert not (tmp_path / "owned").exists()


FAILING = {
    "environment": (SecretRef(kind="env", target="COLLECTOR_TEST_UNSET"), "is not set"),
    "file": (SecretRef(kind="file", target="/nonexistent/secret"), "cannot be read"),
    "program": (SecretRef(kind="command", target="/nonexistent/program"), "could not be started"),
    "ended badly": (
        command(f"import sys; print('{SECRET}'); sys.exit('{SECRET}')"),
        "ended with 1",
    ),
    "no text": (command(f"import os; os.write(1, b'{SECRET}\\xff')"), "did not print text"),
    "nothing printed": (command("print()"), "is empty"),
    "no command line": (SecretRef(kind="command", target="pass 'unclosed"), "not a command line"),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_secret_that_cannot_be_had_is_a_usage_error_without_it(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    ref, words = FAILING[case]
    with pytest.raises(UsageError, match=words) as caught:
        reveal(ref, label="client_secret", ask=asked)
    assert caught.value.remedy
    assert caught.value.message.startswith("client_secret: ")
    assert SECRET not in told(caught.value) + "".join(traceback.format_exception(caught.value))
    assert SECRET not in "".join(capfd.readouterr())


def test_a_secret_file_that_is_not_text_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        reveal(SecretRef(kind="file", target=str(tmp_path / "secret")), label="client_secret", ask=asked)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_command_is_not_waited_for_for_ever() -> None:
    ref = command("import time; time.sleep(60)")
    with pytest.raises(UsageError, match=r"took longer than 0\.05 s"):
        printed_by(ref.target, "client_secret", seconds=0.05)


def test_a_secret_file_is_found_beside_the_engagement_file(tmp_path: Path) -> None:
    auth = read(tmp_path, with_("auth", f"{AUTH}: 'file:secrets/client'}}")).auth
    assert str(auth.client_secret) == f"file:{tmp_path / 'secrets/client'}"


@pytest.mark.parametrize("written", ["env:NAME", "command:pass show 'contoso app'", "prompt"])
def test_a_reference_reads_back_as_it_was_written(written: str, tmp_path: Path) -> None:
    auth = read(tmp_path, with_("auth", f'{AUTH}: "{written}"}}')).auth
    assert str(auth.client_secret) == written
