-- What the questions read. Lines of evidence (line_records, line_items, line_addresses, line_apps, line_traces,
-- line_details) become records: each Id once, however many feeds and files hold it. The views raw and unread are lines
-- as they are.

-- What Spark calls the length of a list.
CREATE TEMP MACRO size(list) AS len(list);

CREATE TEMP VIEW asked_records AS FROM line_records WHERE {sources};

-- Lines that show a record which another line shows too. `keep` is the one that stands for all of them: that which says
-- what it was and when, and of those the one with the most items, then the one that says most of who did it, for some
-- exports leave that out. `varied` says that they do not all say the same.
-- (Hashes find the few lines that it is worth comparing.)
CREATE TEMP TABLE copies AS
WITH likely AS (
    SELECT *, {fuller} AS fuller
    FROM asked_records
    WHERE hash(key) IN (SELECT hash(key) FROM asked_records GROUP BY hash(key) HAVING count(*) > 1)
)
SELECT row_id, keep, varied
FROM likely
JOIN (
    SELECT
        key,
        max_by(
            row_id, (access IS NOT NULL, time IS NOT NULL, operation IS NOT NULL, named, fuller, content, -row_id)
        ) AS keep,
        min(content) <> max(content) AS varied
    FROM likely
    GROUP BY key
    HAVING count(*) > 1
) USING (key);

-- Lines for which another one stands, and records of which any line tells of throttling: few, or none, and each a table
-- of its own, because what compares columns of two tables costs the database a pass over all records.
CREATE TEMP TABLE hidden AS SELECT row_id FROM copies WHERE keep <> row_id;

CREATE TEMP TABLE throttling AS
SELECT DISTINCT coalesce(copies.keep, lines.row_id) AS row_id
FROM asked_records AS lines LEFT JOIN copies ON copies.row_id = lines.row_id
WHERE throttled;

-- Contexts as lines name them.
CREATE TEMP TABLE used AS
SELECT * REPLACE (coalesce(latest, TIMESTAMP '0001-01-01 00:00:00') AS latest) FROM line_contexts;

-- Mailboxes by what a record shows of them. A record without MailboxGuid is of the one mailbox that bears its name, if
-- there is but one. `mailbox` is the mailbox's latest name.
CREATE TEMP TABLE mailboxes AS
WITH shown AS (
    SELECT
        lower(mailbox_guid) AS guid,
        lower(mailbox_upn) AS upn,
        max(latest) AS latest,
        max_by(coalesce(mailbox_upn, mailbox_guid), (mailbox_upn IS NOT NULL, latest, mailbox_upn, mailbox_guid)) AS name
    FROM used
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
    SELECT mailbox_key, max_by(name, (upn IS NOT NULL, latest, name)) AS mailbox FROM keyed GROUP BY mailbox_key
)
SELECT guid, upn, mailbox_key, mailbox
FROM keyed LEFT JOIN named USING (mailbox_key);

-- Users, by their names without case; `user_name` is the latest form.
CREATE TEMP TABLE users AS
SELECT lower(user_id) AS user_key, max_by(user_id, (latest, user_id)) AS user_name
FROM used
WHERE user_id IS NOT NULL
GROUP BY ALL;

-- The contexts of records. Their texts are enumerations, in the order of the texts: they read and sort as the texts do,
-- and are counted and gathered as the numbers that they are. `context` is one for all that an analyst sees as one.
CREATE TYPE mailbox_name AS ENUM (SELECT DISTINCT mailbox FROM mailboxes WHERE mailbox IS NOT NULL ORDER BY ALL);
CREATE TYPE mailbox_mark AS ENUM (SELECT DISTINCT mailbox_key FROM mailboxes WHERE mailbox_key IS NOT NULL ORDER BY ALL);
CREATE TYPE user_name AS ENUM (SELECT DISTINCT user_id FROM used WHERE user_id IS NOT NULL ORDER BY ALL);
CREATE TYPE ip AS ENUM (SELECT DISTINCT client_ip FROM used WHERE client_ip IS NOT NULL ORDER BY ALL);
CREATE TYPE info AS ENUM (SELECT DISTINCT client_info FROM used WHERE client_info IS NOT NULL ORDER BY ALL);
CREATE TYPE session AS ENUM (SELECT DISTINCT session_id FROM used WHERE session_id IS NOT NULL ORDER BY ALL);
CREATE TYPE app AS ENUM (SELECT DISTINCT app_id FROM used WHERE app_id IS NOT NULL ORDER BY ALL);
CREATE TYPE folder_name AS ENUM (SELECT DISTINCT folder FROM line_folders WHERE folder IS NOT NULL ORDER BY ALL);

CREATE TEMP TABLE contexts AS
WITH named AS (
    SELECT
        context_id,
        mailbox_guid,
        mailboxes.mailbox_key::mailbox_mark AS mailbox_key,
        mailboxes.mailbox::mailbox_name AS mailbox,
        user_id::user_name AS user_id,
        users.user_name::user_name AS user_name,
        user_type,
        client_ip::ip AS client_ip,
        client_info::info AS client_info,
        client_process,
        client_version,
        session_id::session AS session_id,
        logon_type,
        app_id::app AS app_id
    FROM used
    JOIN mailboxes
        ON mailboxes.guid IS NOT DISTINCT FROM lower(mailbox_guid)
        AND mailboxes.upn IS NOT DISTINCT FROM lower(mailbox_upn)
    LEFT JOIN users ON users.user_key = lower(user_id)
)
SELECT
    named.*,
    min(context_id) OVER (
        PARTITION BY mailbox_key, mailbox, user_name, client_ip, client_info, session_id, logon_type, app_id
    ) AS context
FROM named;

DROP TABLE used;
DROP TABLE users;

CREATE TEMP TABLE folders AS
SELECT folder_number, folder_id, folder::folder_name AS folder FROM line_folders;

-- Audit records, one a row, of every operation.
CREATE TEMP VIEW records AS
SELECT
    lines.* EXCLUDE (key, content, context_id) REPLACE (row_id IN (FROM throttling) AS throttled),
    contexts.* EXCLUDE (context_id)
FROM asked_records AS lines
JOIN contexts USING (context_id)
WHERE row_id NOT IN (FROM hidden);

-- The contexts that lines show a record in: one, but where lines vary.
CREATE TEMP VIEW shown_as AS
SELECT coalesce(copies.keep, lines.row_id) AS row_id, mailbox_key, user_id, session_id
FROM asked_records AS lines
JOIN contexts USING (context_id)
LEFT JOIN copies ON copies.row_id = lines.row_id;

-- The items of records; of lines that vary their union, an item as often as in the line that has it most often.
CREATE TEMP VIEW items AS
SELECT row_id, folder, message, internet_message_id, item_id, subject, size
FROM line_items AS lines JOIN folders USING (folder_number)
WHERE NOT EXISTS (
    FROM copies WHERE copies.row_id = lines.row_id AND (copies.varied OR copies.keep <> copies.row_id)
)
UNION ALL
SELECT keep, folder, message, min(internet_message_id), min(item_id), min(subject), max(size)
FROM line_items JOIN folders USING (folder_number) JOIN copies USING (row_id)
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

-- What happened to messages on their way, event by event; what several runs hold counts once.
CREATE TEMP VIEW details AS
SELECT * FROM line_details
QUALIFY row_number() OVER (
    PARTITION BY message_trace_id, message_id, recipient, date, event, action, detail, data ORDER BY row_id
) = 1;

-- Sign-ins, one for each way in which a request ended, by the number of its error, whichever lines tell of it: each
-- column from the first line that has it. `varied` says that lines name several users, addresses or sessions; a filter finds a sign-in by any of them.
CREATE TEMP VIEW sign_in_lines AS
SELECT *, concat_ws(' ', coalesce(key, concat_ws(' ', file, line, run)), succeeded, split_part(error, ' ', 1)) AS sign_in
FROM line_sign_ins
WHERE {sources};

CREATE TEMP VIEW sign_ins AS
SELECT
    sign_in,
    min(row_id) AS row_id,
    min_by(time, row_id) FILTER (WHERE time IS NOT NULL) AS time,
    min_by(user_id, row_id) FILTER (WHERE user_id IS NOT NULL) AS user_id,
    min_by(succeeded, row_id) AS succeeded,
    min_by(error, row_id) FILTER (WHERE error IS NOT NULL) AS error,
    min_by(client_ip, row_id) FILTER (WHERE client_ip IS NOT NULL) AS client_ip,
    min_by(session_id, row_id) FILTER (WHERE session_id IS NOT NULL) AS session_id,
    min_by(app_id, row_id) FILTER (WHERE app_id IS NOT NULL) AS app_id,
    min_by(app_name, row_id) FILTER (WHERE app_name IS NOT NULL) AS app_name,
    min_by(user_agent, row_id) FILTER (WHERE user_agent IS NOT NULL) AS user_agent,
    min_by(device, row_id) FILTER (WHERE device IS NOT NULL) AS device,
    min_by(interactive, row_id) FILTER (WHERE interactive IS NOT NULL) AS interactive,
    min_by(record_id, row_id) FILTER (WHERE record_id IS NOT NULL) AS record_id,
    list_sort(list_distinct(list(source))) AS sources,
    count(DISTINCT lower(user_id)) > 1 OR count(DISTINCT address) > 1 OR count(DISTINCT lower(session_id)) > 1 AS varied
FROM sign_in_lines
GROUP BY sign_in;

CREATE TEMP VIEW signed_in AS
SELECT sign_ins.*
FROM sign_ins, period
WHERE sign_in IN (SELECT sign_in FROM sign_in_lines WHERE {sign_ins})
    AND (period.since IS NULL OR time >= period.since) AND (period.until IS NULL OR time < period.until);

-- Every record of MailItemsAccessed, whatever is asked for.
CREATE TEMP VIEW every_access AS SELECT * FROM records WHERE is_access;

-- Settings as they stood when they were asked for, those of the mailboxes that were asked for and of no mailbox.
CREATE TEMP VIEW settings AS
SELECT * REPLACE (parse_filename(run) AS run) FROM line_settings
WHERE {sources} AND {settings};

-- MailItemsAccessed records that the filters let through, whenever they happened.
CREATE TEMP VIEW in_scope AS
SELECT * FROM records WHERE is_access AND {scope};

-- Those within the period that was asked for.
CREATE TEMP VIEW accesses AS
SELECT in_scope.*
FROM in_scope, period
WHERE (period.since IS NULL OR in_scope.time >= period.since) AND (period.until IS NULL OR in_scope.time < period.until);

-- The items that Binds among them name.
CREATE TEMP VIEW opened AS
SELECT accesses.*, items.* EXCLUDE (row_id)
FROM items JOIN accesses ON accesses.row_id = items.row_id
WHERE accesses.access = 'Bind' AND {messages};

-- The 24 hours after each record that tells of throttling, for the mailboxes that were asked for.
CREATE TEMP VIEW blind AS
SELECT mailbox, time AS throttled_at, time + INTERVAL 24 HOURS AS blind_until
FROM throttling JOIN records USING (row_id), period
WHERE is_access AND time IS NOT NULL AND {mailboxes}
    AND (period.since IS NULL OR time + INTERVAL 24 HOURS > period.since)
    AND (period.until IS NULL OR time < period.until);
