-- Which sessions used a mailbox?
--
-- A session is one sign-in's use of a mailbox; its id stays the same while addresses change, as behind a VPN. Ask this
-- where the attacker's address or account is known, to find the sessions that are theirs. Access by older protocols has
-- no session id: it stands in the rows whose session_id is empty.
--
-- One row for each (session_id, mailbox, user). Columns: session_id, mailbox, user, client_ips, first_seen, last_seen,
-- records, operations (single accesses that the Binds sum up), messages (distinct), synced_folders.
-- Example: collector investigate sessions evidence/ --user megan@contoso.example.org
WITH used AS (
    SELECT
        session_id,
        mailbox_key,
        mailbox,
        user_name,
        array_sort(array_distinct(array_agg(client_ip))) AS client_ips,
        min(time) AS first_seen,
        max(time) AS last_seen,
        count(*) AS records,
        coalesce(sum(CASE WHEN access = 'Bind' THEN coalesce(operation_count, 1) END), 0) AS operations,
        array_sort(array_distinct(array_agg(
            CASE WHEN access = 'Sync' THEN coalesce(folder_name, nullif(folder_path, 'Not Available')) END
        ))) AS synced_folders
    FROM accesses
    GROUP BY session_id, mailbox_key, mailbox, user_name
),
named AS (
    SELECT session_id, mailbox_key, user_name, count(DISTINCT message) AS messages
    FROM opened
    GROUP BY session_id, mailbox_key, user_name
)
SELECT
    used.session_id,
    mailbox,
    used.user_name AS user,
    client_ips,
    first_seen,
    last_seen,
    records,
    CAST(least(operations, 9223372036854775807) AS BIGINT) AS operations,
    coalesce(messages, 0) AS messages,
    synced_folders
FROM used
LEFT JOIN named
    ON named.session_id IS NOT DISTINCT FROM used.session_id
    AND named.mailbox_key IS NOT DISTINCT FROM used.mailbox_key
    AND named.user_name IS NOT DISTINCT FROM used.user_name
ORDER BY mailbox NULLS LAST, first_seen NULLS LAST, used.session_id NULLS LAST, user NULLS LAST
