-- Which folders were copied to a desktop client?
--
-- A Sync is a desktop Outlook that downloads a folder. No single message is recorded: everything that lay in the folder
-- must be taken as copied. Ask this second, and compare client_ip, client_info and session_id with those of the
-- attacker. Repeated Syncs of one folder within an hour are recorded once.
--
-- One row for each Sync record. Columns: time, mailbox, user, folder, client_ip, client_info, client_process,
-- client_version, session_id, logon_type, record_id.
-- Example: collector investigate syncs evidence/ --mailbox megan@contoso.example.org
SELECT
    time,
    mailbox,
    user_id AS user,
    coalesce(folder_name, nullif(folder_path, 'Not Available')) AS folder,
    client_ip,
    client_info,
    client_process,
    client_version,
    session_id,
    logon_type,
    record_id
FROM accesses
WHERE access = 'Sync'
ORDER BY time NULLS LAST, mailbox NULLS LAST, folder NULLS LAST, record_id NULLS LAST
