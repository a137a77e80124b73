-- Could the records be whole, and which other ways out stood open?
--
-- The settings of the tenant and of its mailboxes as they stood when they were asked for: whether auditing is on and
-- records access, whose actions are not audited, forwarding, rules, permissions of others, and protocols. Ask this
-- before anybody says that something did not happen. What was changed before or since is in the audit log, and a setting
-- that is not there is not known.
--
-- One row for each setting that bears on that, those with a warning first. Columns: about (audit, forwarding, rule,
-- permission, protocol), mailbox, object, setting, value, warning, cmdlet, run (when it was asked for).
-- Example: collector investigate settings evidence/ --mailbox megan@contoso.example.org
WITH told AS (
    SELECT
        run,
        cmdlet,
        mailbox,
        object,
        setting,
        value,
        lower(value) AS plain,
        max(CASE WHEN setting IN ('User', 'Trustee') THEN value END) OVER (PARTITION BY run, row_id) AS trustee,
        max(CASE WHEN setting IN ('IsInherited', 'Deny') THEN lower(value) END) OVER (PARTITION BY run, row_id) AS odd,
        max(CASE WHEN setting IN ('Enabled', 'State') THEN lower(value) END) OVER (PARTITION BY run, row_id) AS state
    FROM settings
    WHERE value NOT IN ('', '[]') OR setting LIKE 'Audit%'
),
bearing AS (
    SELECT 'audit' AS about, mailbox, object, setting, value, plain, state, cmdlet, run
    FROM told
    WHERE setting IN ('UnifiedAuditLogIngestionEnabled', 'AuditDisabled', 'AuditOwner', 'AuditDelegate', 'AuditAdmin')
        OR (setting = 'AuditEnabled' AND plain = 'false')
        OR (setting = 'AuditBypassEnabled' AND plain = 'true')
    UNION ALL
    SELECT 'forwarding' AS about, mailbox, object, setting, value, plain, state, cmdlet, run
    FROM told
    WHERE cmdlet = 'Get-Mailbox' AND setting IN ('ForwardingSmtpAddress', 'ForwardingAddress')
    UNION ALL
    SELECT 'rule' AS about, mailbox, object, setting, value, plain, state, cmdlet, run
    FROM told
    WHERE cmdlet IN ('Get-InboxRule', 'Get-TransportRule')
        AND (setting IN ('Enabled', 'State') OR (plain <> 'false' AND setting IN ('ForwardTo', 'ForwardAsAttachmentTo',
            'RedirectTo', 'DeleteMessage', 'SoftDeleteMessage', 'MoveToFolder', 'BlindCopyTo', 'CopyTo',
            'AddToRecipients', 'RedirectMessageTo')))
    UNION ALL
    SELECT 'permission' AS about, mailbox, coalesce(trustee, object) AS object, setting, value, plain, state, cmdlet, run
    FROM told
    WHERE cmdlet IN ('Get-MailboxPermission', 'Get-RecipientPermission', 'Get-MailboxFolderPermission')
        AND setting = 'AccessRights' AND plain NOT IN ('none', '["none"]')
        AND coalesce(odd, 'false') <> 'true' AND coalesce(trustee, '') NOT LIKE 'NT AUTHORITY%SELF'
    UNION ALL
    SELECT 'protocol' AS about, mailbox, object, setting, value, plain, state, cmdlet, run
    FROM told
    WHERE cmdlet = 'Get-CASMailbox' AND setting IN ('PopEnabled', 'ImapEnabled', 'ActiveSyncEnabled', 'EwsEnabled',
        'MAPIEnabled', 'OWAEnabled', 'SmtpClientAuthenticationDisabled')
),
warned AS (
    SELECT
        bearing.*,
        CASE
            WHEN setting = 'UnifiedAuditLogIngestionEnabled' AND plain <> 'true' THEN 'no audit records are kept'
            WHEN setting = 'AuditDisabled' AND plain = 'true' THEN 'mailboxes are not audited by default'
            WHEN setting = 'AuditBypassEnabled' THEN 'what this account does to mailboxes is not recorded'
            WHEN setting IN ('AuditOwner', 'AuditDelegate', 'AuditAdmin') AND plain NOT LIKE '%mailitemsaccessed%'
                THEN 'access by them is not recorded'
            WHEN about = 'forwarding' THEN 'mail goes elsewhere'
            WHEN about = 'rule' AND setting IN ('Enabled', 'State') THEN NULL
            WHEN about = 'rule' AND state IN ('false', 'disabled') THEN 'a rule that is disabled now'
            WHEN about = 'rule' AND setting IN ('DeleteMessage', 'SoftDeleteMessage', 'MoveToFolder')
                THEN 'mail is put out of sight'
            WHEN about = 'rule' THEN 'mail goes elsewhere'
            WHEN about = 'permission' AND plain LIKE '%fullaccess%' THEN 'somebody else may open it'
        END AS warning
    FROM bearing
)
SELECT DISTINCT about, mailbox, object, setting, value, warning, cmdlet, run
FROM warned
ORDER BY
    CASE WHEN warning IS NULL THEN 1 ELSE 0 END,
    about,
    mailbox NULLS FIRST,
    object NULLS FIRST,
    setting,
    value,
    cmdlet,
    run
