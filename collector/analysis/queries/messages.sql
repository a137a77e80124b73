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
WITH named AS (
    SELECT
        min(coalesce(internet_message_id, item_id)) AS internet_message_id,
        mailbox,
        user_name,
        array_sort(array_distinct(array_agg(folder))) AS folders,
        count(*) AS accesses,
        array_sort(array_distinct(array_agg(session_id))) AS sessions,
        array_sort(array_distinct(array_agg(client_ip))) AS client_ips,
        min(time) AS first_accessed,
        max(time) AS last_accessed
    FROM opened
    GROUP BY message, mailbox_key, mailbox, user_name
)
SELECT
    internet_message_id,
    mailbox,
    user_name AS user,
    folders,
    coalesce(size(folders), 0) AS folder_count,
    accesses,
    sessions,
    client_ips,
    first_accessed,
    last_accessed
FROM named
ORDER BY mailbox NULLS LAST, first_accessed NULLS LAST, internet_message_id NULLS LAST, user NULLS LAST
