"""The commented engagement file that `collector init` writes, and the permissions it asks the operator to grant.

Invariant: config/*.yaml are what `render` returns for each sign-in method, and each loads as it stands.
"""

from collector.config.preset import preset_lines
from collector.config.readers import METHODS

_SIGN_IN = {
    "certificate": """\
  client_id: 00000000-0000-0000-0000-000000000000    # the app registration's application (client) id
  certificate: ./app.pfx               # PFX, or PEM with key and certificate
  certificate_password: env:PFX_PASSWORD    # or file:PATH, command:PROGRAM, prompt; leave out where there is none
""",
    "client-secret": """\
  client_id: 00000000-0000-0000-0000-000000000000    # the app registration's application (client) id
  client_secret: env:COLLECTOR_CLIENT_SECRET    # or file:PATH, command:PROGRAM, prompt; never the secret itself
""",
    "device-code": """\
  client_id: 00000000-0000-0000-0000-000000000000    # an app registration that allows public client flows
""",
    "interactive": """\
  client_id: 00000000-0000-0000-0000-000000000000    # an app registration with the redirect address http://localhost
""",
    "managed-identity": """\
  client_id: null                      # null is the machine's own identity; the id of a user-assigned one else
""",
}

_TEMPLATE = """\
# An engagement file: one case at one tenant. Look with `collector plan FILE`, then collect with `collector run FILE`.
# Relative paths start at this file's folder. Times are UTC, with Z. No secret is ever written here.
engagement: contoso-2026-11            # the evidence folder's name: letters, digits, - and _
tenant: 11111111-2222-3333-4444-555555555555    # the tenant's id, or one of its verified domains
cloud: commercial                      # commercial | gcc | gcc-high | dod | china, or a mapping of base addresses:
# cloud: {{authority: "https://login.example.org", exchange: "https://exchange.example.org"}}   # and management, graph

auth:
  method: {method}
{sign_in}
window: {{last: 30d}}                    # frozen when a run starts; or, with both times in the past:
# window: {{start: 2026-10-01T00:00:00Z, end: 2026-11-20T00:00:00Z}}

mailboxes: []                          # of interest: [adele@contoso.com]; narrows no tenant-wide source
attacker: {{ips: [], sessions: [], apps: []}}    # what is known of them so far

sources:                               # only what is named here is collected; each may have a window of its own
  unified-audit-log:                   # Search-UnifiedAuditLog: back to 180 days, by default
    operations:                        # what a mailbox case needs; [] asks for every operation
{operations}
    # What follows narrows the question; a verdict needs one that is not narrowed.
    # users: [adele@contoso.com]       # who acted, not whose mailbox it was
    # record_types: [ExchangeItemAggregated]    # loses every Sync record of MailItemsAccessed
    # object_ids: []
    # ip_addresses: [192.0.2.1]
    # free_text: null
    # high_completeness: false         # the service treats every question as such since January 2025
    # window: {{last: 7d}}
  message-trace:                       # Get-MessageTraceV2: back to 90 days
    for: tenant                        # tenant | mailboxes (as sender and as recipient) | accessed (by the attacker, as
                                       # earlier runs of this engagement with unified-audit-log show it)
  tenant-settings: {{}}                  # audit settings, transport rules; of each mailbox of interest its audit sets,
                                       # forwarding, rules, permissions and protocols
  # message-trace-detail:              # Get-MessageTraceDetailV2: what became of messages that an earlier run traced
  #   for: accessed                    # accessed | mailboxes
  # historical-search:                 # Start-HistoricalSearch: a report that takes hours and opens in a browser
  #   report: MessageTrace             # MessageTrace | MessageTraceDetail
  #   for: mailboxes                   # mailboxes | accessed
  # purview-audit-query:               # Graph's search of the audit log, over hours; auditors can see its queries
  #   operations: [MailItemsAccessed]  # and all other keys of unified-audit-log
  # graph-message-trace:               # Graph's message trace: back to 90 days
  #   for: tenant                      # tenant | mailboxes
  # mailbox-audit-log: {{}}              # Search-MailboxAuditLog, of mailboxes, where the tenant still has it
  # management-activity:               # Office 365 Management Activity API: the last 7 days, in blobs as they come
  #   content_types: [Audit.Exchange]  # Audit.AzureActiveDirectory | Audit.SharePoint | Audit.General | DLP.All
  #   start_subscriptions: false       # true lets a subscription be started that is not on; none is ever stopped
  #   window: {{last: 7d}}

case: {{organisation: null, operator: null, reference: null, authority: null}}    # goes into bag-info.txt

evidence:
  folder: ./evidence
  compression: gzip                    # gzip | none
  chunk_bytes: 64MiB                   # a file of records is closed after this much
  sign_with: null                      # this version does not sign yet
  timestamp_authority: null

network:
  ca_bundle: null                      # a PEM file; holds against REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE
  proxy: null                          # http://host:port, without user and password
  connect_timeout: 10s
  read_timeout: 600s                   # an audit search may take minutes to answer

limits:                                # for `default`, or for a source by its name
  default:
    concurrency: 4                     # questions at a time
    attempts: 6                        # for one slice
    first_wait: 2s                     # after a failure; doubles up to longest_wait
    longest_wait: 60s
    patience: 30m                      # how long an outage is waited for before the run stops, to be taken up again
    settle: 24h                        # how long records may come late
  message-trace: {{rate: 100/5m}}        # the documented quotas of the tenant; message-trace-detail shares this one
  graph-message-trace: {{rate: 100/5m}}
  management-activity: {{rate: 2000/1m}}
"""

_PERMISSIONS = """\
Grant the application no more than this:

1. The application permission Exchange.ManageAsApp of "Office 365 Exchange Online"
   (API 00000002-0000-0ff1-ce00-000000000000, role dc50a0fb-09a3-484d-be87-e023b12c6440), with admin consent.
   Others have nearly the same name; Exchange.ManageAsAppV2 and Exchange.AdminAPI.ManageAsApp do not do.
   To sign in as a person (device-code, interactive) grant the delegated permission Exchange.Manage instead.

2. A role in Exchange, for without one every cmdlet is refused. The least is a role group with the application
   (or the person) as its only member:
     View-Only Audit Logs        Search-UnifiedAuditLog, Search-MailboxAuditLog
     Message Tracking            Get-MessageTraceV2, Get-MessageTraceDetailV2, historical searches
     View-Only Recipients        mailboxes: their audit sets, permissions, folders and protocols
     View-Only Configuration     the organisation's audit settings and transport rules
     Mail Recipients             inbox rules (Get-InboxRule), which no view-only role shows
   The last of these may write too: make a role of your own from it that keeps Get-InboxRule alone, or leave it out, and
   inbox rules are a gap `forbidden`.
   The Entra role Global Reader covers the same reading, and more, but no inbox rules.

3. For the source management-activity: the application permission ActivityFeed.Read of "Office 365 Management APIs"
   (API c5393580-f805-4401-95e8-94b7a6ef2fc2), with admin consent; for DLP.All also ActivityFeed.ReadDlp.
   To sign in as a person grant the delegated permissions of the same names.

4. For the sources purview-audit-query and graph-message-trace, application permissions of "Microsoft Graph"
   (API 00000003-0000-0000-c000-000000000000), with admin consent:
     AuditLogsQuery-Exchange.Read.All    purview-audit-query; for sign-ins also AuditLogsQuery-Entra.Read.All
     ExchangeMessageTrace.Read.All       graph-message-trace
   Message traces are refused (401) besides until the tenant holds the service principal of the application
   8bd644d1-64a1-4d4b-ae52-2e0cbf64e373. An administrator makes it once, and hours may pass until it counts:
     az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373
   To sign in as a person grant the delegated permissions of the same names.

A new grant can take an hour or so to be known everywhere.
"""


def render(method: str) -> str:
    """Return a whole engagement file for a sign-in method, one of METHODS, with a comment at every key."""
    return _TEMPLATE.format(method=method, sign_in=_SIGN_IN[method], operations="\n".join(preset_lines()))


def permissions() -> str:
    """Return the least permissions to grant, for the operator; protocol.md B5, D1, D2."""
    return _PERMISSIONS


__all__ = ["METHODS", "permissions", "render"]
