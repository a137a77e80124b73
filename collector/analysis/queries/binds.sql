-- Which single messages were opened?
--
-- A Bind is the access to a single message, by any protocol or client. Those of two minutes are gathered in one record,
-- so the time is exact to two minutes; the same access is not recorded again within an hour. Ask this with the
-- attacker's addresses, sessions and applications. A Bind says that a message was handed out, not that somebody read it.
--
-- One row for each FolderItem of a Bind record. Columns: time, mailbox, user, internet_message_id, folder, client_ip,
-- client_info, session_id, logon_type, app_id, size, record_id.
-- Example: collector investigate binds evidence/ --session a77ac4e2-0001-4000-8000-000000000001 --format csv
SELECT
    time,
    mailbox,
    user_id AS user,
    coalesce(internet_message_id, item_id) AS internet_message_id,
    folder,
    client_ip,
    client_info,
    session_id,
    logon_type,
    app_id,
    size,
    record_id
FROM opened
ORDER BY time NULLS LAST, mailbox NULLS LAST, record_id NULLS LAST, folder NULLS LAST, internet_message_id NULLS LAST
