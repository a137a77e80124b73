-- Which messages were opened, how often, and from where?
--
-- The messages that Binds name, each once for a mailbox and a user. Ask this with the attacker's addresses and sessions
-- for the list of what was opened; or with --message-id, to see who opened messages that matter. What a Sync copied is
-- not here, for a Sync names no message: ask `folders`. An access that is repeated within an hour is recorded once, so
-- `accesses` is the least number.
--
-- One row for each (internet_message_id, mailbox, user). Columns: internet_message_id, mailbox, user, folders,
-- folder_count, accesses (rows of binds), sessions, client_ips, first_accessed, last_accessed.
-- Example: collector investigate messages evidence/ --ip 203.0.113.50 --ip 203.0.113.77
SELECT
    min(coalesce(internet_message_id, item_id)) AS internet_message_id,
    mailbox,
    coalesce(max_by(user_id, time), max(user_id)) AS user,
    array_sort(array_distinct(array_agg(folder) FILTER (WHERE folder IS NOT NULL))) AS folders,
    count(DISTINCT folder) AS folder_count,
    count(*) AS accesses,
    array_sort(array_distinct(array_agg(session_id) FILTER (WHERE session_id IS NOT NULL))) AS sessions,
    array_sort(array_distinct(array_agg(client_ip) FILTER (WHERE client_ip IS NOT NULL))) AS client_ips,
    min(time) AS first_accessed,
    max(time) AS last_accessed
FROM opened
GROUP BY message, mailbox_key, mailbox, lower(user_id)
ORDER BY mailbox, first_accessed, internet_message_id, user
