-- From which contexts was mail opened, and which of them are the attacker's?
--
-- A context is who used a mailbox, from which address, with which client, session and application: what tells the
-- attacker's access from the owner's. Ask this third, to judge each Sync, and to find what else the attacker used. A
-- Microsoft front end's address, common with Client=REST, is nobody's own: there only session and application tell.
--
-- One row for each context. Columns: mailbox, user, client_ip, client_info, session_id, logon_type, app_id, binds and
-- syncs (records), messages (distinct ones that Binds name), folders (distinct ones that Syncs copied), first_seen,
-- last_seen.
-- Example: collector investigate contexts evidence/ --ip 203.0.113.0/24
WITH seen AS (
    SELECT
        context, time, access,
        CASE WHEN access = 'Sync' THEN coalesce(folder_id, folder_name) END AS synced,
        CAST(NULL AS STRING) AS message
    FROM accesses
    UNION ALL
    SELECT context, time, CAST(NULL AS STRING), CAST(NULL AS STRING), message
    FROM opened
),
counted AS (
    SELECT
        context,
        count(CASE WHEN access = 'Bind' THEN 1 END) AS binds,
        count(CASE WHEN access = 'Sync' THEN 1 END) AS syncs,
        count(DISTINCT message) AS messages,
        count(DISTINCT synced) AS folders,
        min(time) AS first_seen,
        max(time) AS last_seen
    FROM seen
    GROUP BY context
)
SELECT
    mailbox,
    user_name AS user,
    client_ip,
    client_info,
    session_id,
    logon_type,
    app_id,
    binds,
    syncs,
    messages,
    folders,
    first_seen,
    last_seen
FROM counted
JOIN contexts ON contexts.context_id = counted.context
ORDER BY
    mailbox NULLS LAST,
    first_seen NULLS LAST,
    user NULLS LAST,
    client_ip NULLS LAST,
    client_info NULLS LAST,
    session_id NULLS LAST,
    logon_type NULLS LAST,
    app_id NULLS LAST
