-- Could the records be whole, and which other ways out stood open?
--
-- The settings of the tenant and of its mailboxes as they stood when they were asked for: whether auditing is on and
-- records access, whose actions are not audited, forwarding, rules, permissions of others, and protocols. Ask this
-- before anybody says that something did not happen. What was changed before or since is in the audit log, and a setting
-- that is not there is not known.
--
-- One row for each setting that bears on that, those with a warning first. Columns: about (audit, forwarding, rule,
-- permission, protocol), mailbox, object, setting, value, warning, cmdlet.
-- Example: collector investigate settings evidence/ --mailbox megan@contoso.example.org
WITH trustees AS (
    SELECT
        row_id,
        max(CASE WHEN setting IN ('User', 'Trustee') THEN value END) AS trustee,
        max(CASE WHEN setting = 'IsInherited' THEN value END) AS inherited
    FROM settings
    WHERE cmdlet IN ('Get-MailboxPermission', 'Get-RecipientPermission', 'Get-MailboxFolderPermission')
    GROUP BY row_id
),
bearing AS (
    SELECT 'audit' AS about, mailbox, object, setting, value, cmdlet
    FROM settings
    WHERE setting IN ('UnifiedAuditLogIngestionEnabled', 'AuditDisabled', 'AuditOwner', 'AuditDelegate', 'AuditAdmin')
        OR (setting = 'AuditEnabled' AND value = 'false')
        OR (setting = 'AuditBypassEnabled' AND value = 'true')
    UNION ALL
    SELECT 'forwarding' AS about, mailbox, object, setting, value, cmdlet
    FROM settings
    WHERE cmdlet = 'Get-Mailbox' AND setting IN ('ForwardingSmtpAddress', 'ForwardingAddress') AND value IS NOT NULL
    UNION ALL
    SELECT 'rule' AS about, mailbox, object, setting, value, cmdlet
    FROM settings
    WHERE cmdlet IN ('Get-InboxRule', 'Get-TransportRule') AND value IS NOT NULL AND value <> 'false'
        AND setting IN ('Enabled', 'State', 'ForwardTo', 'ForwardAsAttachmentTo', 'RedirectTo', 'DeleteMessage',
            'SoftDeleteMessage', 'MoveToFolder', 'BlindCopyTo', 'CopyTo', 'AddToRecipients', 'RedirectMessageTo')
    UNION ALL
    SELECT 'permission' AS about, mailbox, coalesce(trustee, object) AS object, setting, value, cmdlet
    FROM settings JOIN trustees USING (row_id)
    WHERE setting = 'AccessRights' AND value NOT IN ('None', '["None"]')
        AND coalesce(inherited, 'false') <> 'true' AND coalesce(trustee, '') NOT LIKE 'NT AUTHORITY%SELF'
    UNION ALL
    SELECT 'protocol' AS about, mailbox, object, setting, value, cmdlet
    FROM settings
    WHERE cmdlet = 'Get-CASMailbox' AND setting IN ('PopEnabled', 'ImapEnabled', 'ActiveSyncEnabled', 'EwsEnabled',
        'MAPIEnabled', 'OWAEnabled', 'SmtpClientAuthenticationDisabled')
),
warned AS (
    SELECT
        bearing.*,
        CASE
            WHEN setting = 'UnifiedAuditLogIngestionEnabled' AND value <> 'true' THEN 'no audit records are kept'
            WHEN setting = 'AuditDisabled' AND value = 'true' THEN 'mailboxes are not audited by default'
            WHEN setting = 'AuditBypassEnabled' THEN 'what this account does to mailboxes is not recorded'
            WHEN setting IN ('AuditOwner', 'AuditDelegate', 'AuditAdmin') AND value NOT LIKE '%MailItemsAccessed%'
                THEN 'access by them is not recorded'
            WHEN about = 'forwarding' THEN 'mail goes elsewhere'
            WHEN about = 'rule' AND setting IN ('ForwardTo', 'ForwardAsAttachmentTo', 'RedirectTo', 'BlindCopyTo',
                'CopyTo', 'AddToRecipients', 'RedirectMessageTo') THEN 'mail goes elsewhere'
            WHEN about = 'rule' AND setting IN ('DeleteMessage', 'SoftDeleteMessage', 'MoveToFolder')
                THEN 'mail is put out of sight'
            WHEN about = 'permission' AND value LIKE '%FullAccess%' THEN 'somebody else may open it'
        END AS warning
    FROM bearing
)
SELECT DISTINCT about, mailbox, object, setting, value, warning, cmdlet
FROM warned
ORDER BY
    CASE WHEN warning IS NULL THEN 1 ELSE 0 END,
    about,
    mailbox NULLS FIRST,
    object NULLS FIRST,
    setting,
    value NULLS LAST,
    cmdlet
