-- What the questions read. Lines of evidence (line_records, line_items, line_addresses, line_apps, line_traces, line_raw,
-- line_unread) become records: each Id once, however many feeds and files hold it.

CREATE TEMP VIEW asked_records AS FROM line_records WHERE {sources};

-- Lines that show a record which another line shows too. `keep` is the one that stands for all of them: that with the
-- most items. `varied` says that they do not all say the same.
CREATE TEMP TABLE copies AS
SELECT row_id, keep, varied
FROM asked_records
JOIN (
    SELECT key, max_by(row_id, (named, content, -row_id)) AS keep, min(content) <> max(content) AS varied
    FROM asked_records
    GROUP BY key
    HAVING count(*) > 1
) USING (key);

-- Mailboxes by what a record shows of them. A record without MailboxGuid is of the one mailbox that bears its name, if
-- there is but one. `mailbox` is the mailbox's latest name.
CREATE TEMP TABLE mailboxes AS
WITH shown AS (
    SELECT
        lower(mailbox_guid) AS guid,
        lower(mailbox_upn) AS upn,
        coalesce(max(time), TIMESTAMP '0001-01-01 00:00:00') AS latest,
        max_by(mailbox_upn, (coalesce(time, TIMESTAMP '0001-01-01 00:00:00'), mailbox_upn)) AS name
    FROM line_records
    GROUP BY ALL
),
bearers AS (
    SELECT upn, min(guid) AS guid FROM shown WHERE guid IS NOT NULL AND upn IS NOT NULL GROUP BY upn HAVING count(*) = 1
),
keyed AS (
    SELECT shown.*, coalesce(shown.guid, bearers.guid, shown.upn) AS mailbox_key
    FROM shown LEFT JOIN bearers ON bearers.upn = shown.upn
),
named AS (
    SELECT mailbox_key, max_by(name, (latest, name)) FILTER (WHERE name IS NOT NULL) AS mailbox
    FROM keyed
    GROUP BY mailbox_key
)
SELECT guid, upn, mailbox_key, coalesce(mailbox, mailbox_key) AS mailbox
FROM keyed LEFT JOIN named USING (mailbox_key);

-- Audit records, one a row, of every operation.
CREATE TEMP VIEW records AS
SELECT lines.* EXCLUDE (key, content), mailboxes.mailbox_key, mailboxes.mailbox
FROM asked_records AS lines
JOIN mailboxes
    ON mailboxes.guid IS NOT DISTINCT FROM lower(lines.mailbox_guid)
    AND mailboxes.upn IS NOT DISTINCT FROM lower(lines.mailbox_upn)
WHERE NOT EXISTS (FROM copies WHERE copies.row_id = lines.row_id AND copies.keep <> lines.row_id);

-- The items of records; of lines that vary their union, an item as often as in the line that has it most often.
CREATE TEMP VIEW items AS
SELECT row_id, folder_id, folder, message, internet_message_id, item_id, subject, size
FROM line_items AS lines
WHERE NOT EXISTS (
    FROM copies WHERE copies.row_id = lines.row_id AND (copies.varied OR copies.keep <> copies.row_id)
)
UNION ALL
SELECT keep, min(folder_id), folder, message, min(internet_message_id), min(item_id), min(subject), max(size)
FROM line_items JOIN copies USING (row_id)
WHERE varied
GROUP BY keep, folder, message, repeat;

CREATE TEMP VIEW addresses AS
SELECT DISTINCT coalesce(copies.keep, lines.row_id) AS row_id, address
FROM line_addresses AS lines LEFT JOIN copies ON copies.row_id = lines.row_id;

CREATE TEMP VIEW apps AS
SELECT DISTINCT coalesce(copies.keep, lines.row_id) AS row_id, app
FROM line_apps AS lines LEFT JOIN copies ON copies.row_id = lines.row_id;

-- Message traces: a row for each recipient of a message and status; one that several runs hold counts once.
CREATE TEMP VIEW traces AS
SELECT * FROM line_traces
{traces_once};

CREATE TEMP VIEW raw AS FROM line_raw;

CREATE TEMP VIEW unread AS FROM line_unread;

-- MailItemsAccessed records that the filters let through, whenever they happened.
CREATE TEMP VIEW in_scope AS
SELECT * FROM records WHERE lower(operation) = 'mailitemsaccessed' AND {scope};

-- Those within the period that was asked for.
CREATE TEMP VIEW accesses AS
SELECT in_scope.*
FROM in_scope, period
WHERE (period.since IS NULL OR in_scope.time >= period.since) AND (period.until IS NULL OR in_scope.time < period.until);

-- The items that Binds among them name.
CREATE TEMP VIEW opened AS
SELECT accesses.*, items.* EXCLUDE (row_id, folder_id)
FROM items JOIN accesses ON accesses.row_id = items.row_id
WHERE accesses.access = 'Bind' AND {messages};

-- The 24 hours after each record that tells of throttling, for the mailboxes that were asked for.
CREATE TEMP VIEW blind AS
SELECT mailbox, time AS throttled_at, time + INTERVAL 24 HOURS AS blind_until
FROM records, period
WHERE throttled AND lower(operation) = 'mailitemsaccessed' AND time IS NOT NULL AND {mailboxes}
    AND (period.since IS NULL OR time + INTERVAL 24 HOURS > period.since)
    AND (period.until IS NULL OR time < period.until);
