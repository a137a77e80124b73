"""A chain of links is followed as long as it leads on, and no longer."""

import pytest

from collector.errors import Unanswered
from collector.sources.links import Chain

FIRST = "https://manage.contoso.example.org/api/content?startTime=a"


def reason(chain: Chain, link: str, rows: list[bytes]) -> str:
    with pytest.raises(Unanswered) as caught:
        chain.leads_to(link, rows)
    return caught.value.reason


def test_a_link_may_be_relative_to_the_first_address() -> None:
    chain = Chain(FIRST)
    assert chain.leads_to("?nextPage=1", [b"1"]) == "https://manage.contoso.example.org/api/content?nextPage=1"
    assert chain.leads_to("/x?nextPage=2", [b"2"]) == "https://manage.contoso.example.org/x?nextPage=2"


def test_a_link_to_where_the_chain_was_leads_nowhere() -> None:
    chain = Chain(FIRST)
    assert chain.leads_to("?nextPage=1", [b"1"])
    assert reason(chain, "?nextPage=1", [b"2"]) == "paging-loop"
    assert reason(Chain(FIRST), FIRST, [b"1"]) == "paging-loop"


def test_a_link_that_is_no_address_is_refused() -> None:
    assert reason(Chain(FIRST), "https://[::1", [b"1"]) == "paging-refused"


@pytest.mark.parametrize("rows", [[], [b"1", b"2"]], ids=["empty", "the same again"])
def test_nine_answers_without_anything_new_are_borne_and_the_tenth_is_not(rows: list[bytes]) -> None:
    chain = Chain(FIRST)
    assert chain.leads_to("?n=first", [b"1", b"2"])
    for number in range(9):
        assert chain.leads_to(f"?n={number}", rows)
    assert reason(chain, "?n=tenth", rows) == "paging-loop"


def test_new_rows_between_empty_answers_go_on() -> None:
    chain = Chain(FIRST)
    for number in range(60):
        assert chain.leads_to(f"?n={number}", [b"%d" % number] if number % 9 == 0 else [])


def test_a_chain_ends_even_if_each_answer_is_new() -> None:
    chain = Chain(FIRST)
    for number in range(999):
        assert chain.leads_to(f"?n={number}", [b"%d" % number])
    assert reason(chain, "?n=last", [b"last"]) == "paging-loop"
