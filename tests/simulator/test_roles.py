"""Which role opens which cmdlet, and what is answered without it; protocol.md B4, B5."""

import pytest
import requests

from collector.simulator import (
    COMPLIANCE_ADMINISTRATOR,
    EXCHANGE_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    GLOBAL_READER,
    SECURITY_READER,
    Access,
    Behaviour,
    ExchangeRole,
    OldStore,
    Scenario,
)
from collector.simulator.roles import NEEDS

from .conftest import WINDOW, Caller, calling

EMPTY = Scenario.of(window=WINDOW)
WHOLE = Behaviour()
CONFIG, ORGANIZATION, MAILBOX = "Get-AdminAuditLogConfig", "Get-OrganizationConfig", "Get-Mailbox"
RULES = "Get-InboxRule"
SEARCH, OLD_SEARCH, TRACE = "Search-UnifiedAuditLog", "Search-MailboxAuditLog", "Get-MessageTraceV2"


def status_of(caller: Caller, cmdlet: str) -> int:
    try:
        return caller.send(cmdlet, {}).status_code
    except requests.exceptions.ContentDecodingError:
        return caller.tenant.requests[-1].status


def refused(access: Access, behaviour: Behaviour = WHOLE) -> set[str]:
    with calling(EMPTY, access=access, behaviour=behaviour) as caller:
        return {cmdlet for cmdlet in NEEDS if status_of(caller, cmdlet) == 403}


@pytest.mark.parametrize(
    "access", [Access(), Access(wids=(GLOBAL_ADMINISTRATOR,)), Access(wids=(EXCHANGE_ADMINISTRATOR,))]
)
def test_an_administrator_may_run_every_cmdlet_and_so_may_who_is_told_nothing_else(access: Access) -> None:
    assert refused(access) == set()


def test_a_global_reader_may_not_read_inbox_rules() -> None:
    assert refused(Access(wids=(GLOBAL_READER,))) == {RULES}
    assert refused(Access(wids=(GLOBAL_READER,), exchange_roles=(ExchangeRole.MAIL_RECIPIENTS,))) == set()


@pytest.mark.parametrize(
    ("access", "allowed", "forbidden"),
    [
        (Access(wids=(SECURITY_READER,)), {CONFIG, TRACE}, {ORGANIZATION, MAILBOX, SEARCH, "Start-HistoricalSearch"}),
        (Access(wids=(COMPLIANCE_ADMINISTRATOR,)), {SEARCH, OLD_SEARCH, CONFIG}, {MAILBOX, TRACE}),
        (Access(wids=(), exchange_roles=(ExchangeRole.VIEW_ONLY_AUDIT_LOGS,)), {SEARCH, CONFIG}, {MAILBOX, TRACE}),
        (Access(wids=(), exchange_roles=(ExchangeRole.VIEW_ONLY_RECIPIENTS,)),
         {MAILBOX, "Get-MailboxPermission", TRACE}, {SEARCH, ORGANIZATION, "Get-TransportRule", RULES}),
        (Access(wids=(), exchange_roles=(ExchangeRole.VIEW_ONLY_CONFIGURATION,)),
         {ORGANIZATION, CONFIG, "Get-MailboxAuditBypassAssociation"}, {MAILBOX, SEARCH}),
        (Access(wids=(), exchange_roles=(ExchangeRole.MESSAGE_TRACKING,)), {TRACE}, {MAILBOX, SEARCH, CONFIG}),
        (Access(wids=("00000000-0000-4000-8000-000000000000",)), set(), set(NEEDS)),
        (Access(forbidden=frozenset({"Get-User"})), {MAILBOX}, {"Get-User"}),
    ],
)  # fmt: skip
def test_a_role_opens_its_own_cmdlets(access: Access, allowed: set[str], forbidden: set[str]) -> None:
    found = refused(access)
    assert allowed.isdisjoint(found)
    assert forbidden <= found


def test_the_least_privilege_of_four_roles_suffices_for_all_but_inbox_rules() -> None:
    four = (
        ExchangeRole.VIEW_ONLY_AUDIT_LOGS,
        ExchangeRole.VIEW_ONLY_RECIPIENTS,
        ExchangeRole.VIEW_ONLY_CONFIGURATION,
        ExchangeRole.MESSAGE_TRACKING,
    )
    assert refused(Access(wids=(), exchange_roles=four)) == {RULES}


@pytest.mark.parametrize(
    ("behaviour", "cmdlet"),
    [
        (Behaviour(absent=frozenset({"Get-User"})), "Get-User"),
        (Behaviour(old_store=OldStore.GONE), OLD_SEARCH),
    ],
)
def test_a_cmdlet_that_the_tenant_does_not_have_is_refused_as_without_a_role(behaviour: Behaviour, cmdlet: str) -> None:
    assert refused(Access(wids=(EXCHANGE_ADMINISTRATOR,)), behaviour) == {cmdlet}
