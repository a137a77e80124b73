-- Who signed in, from where, and which mailbox sessions came of it?
--
-- A session's id joins a sign-in to what was then done in the mailbox. Ask this to tell the attacker's sessions from the
-- owner's: an address, a device or an application that is not the owner's, failed attempts before it, and a session that
-- other addresses took over. Ask it too for the address behind a record that shows only a Microsoft front end.
--
-- One row for each sign-in and how it ended, whichever logs tell of it. Columns: time, user, result (success, failure),
-- error, client_ip, session_id, app_id, app, user_agent, device, interactive, session_records (mailbox accesses of the
-- session), session_ips (where they came from), address_records (mailbox accesses from the address), sources, record_id.
-- Example: collector investigate signins evidence/ --user megan@contoso.example.org
WITH keys AS (
    SELECT DISTINCT coalesce(lower(session_id), '') AS session_key FROM signed_in
),
sessions AS (
    SELECT
        session_key,
        count(every_access.row_id) AS session_records,
        array_sort(array_distinct(array_agg(every_access.client_ip))) AS session_ips
    FROM keys
    LEFT JOIN every_access ON lower(every_access.session_id) = session_key
    GROUP BY session_key
),
addresses AS (
    SELECT client_ip, count(*) AS address_records FROM every_access WHERE client_ip IS NOT NULL GROUP BY client_ip
)
SELECT
    time,
    user_id AS user,
    CASE WHEN succeeded THEN 'success' WHEN NOT succeeded THEN 'failure' END AS result,
    error,
    signed_in.client_ip,
    session_id,
    app_id,
    app_name AS app,
    user_agent,
    device,
    interactive,
    session_records,
    session_ips,
    coalesce(address_records, 0) AS address_records,
    sources,
    record_id
FROM signed_in
JOIN sessions ON sessions.session_key = coalesce(lower(signed_in.session_id), '')
LEFT JOIN addresses ON addresses.client_ip = signed_in.client_ip
ORDER BY time NULLS LAST, user NULLS LAST, record_id NULLS LAST
