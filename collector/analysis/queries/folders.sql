-- Which folders were synced, all in all?
--
-- The folders that desktop clients downloaded, each once for a mailbox and a user. Ask this with the attacker's
-- addresses: all that lay in a folder when it was synced is to be taken as copied. The path of a Sync reads "Not
-- Available"; its name is in folder_name.
--
-- One row for each distinct row of Sync records. Columns: mail_access_type, folder_name, folder_path, mailbox, user.
-- Example: collector investigate folders evidence/ --ip 203.0.113.0/24
SELECT
    access AS mail_access_type,
    folder_name,
    folder_path,
    mailbox,
    user_name AS user
FROM accesses
WHERE access = 'Sync'
GROUP BY access, folder_name, folder_path, mailbox_key, mailbox, user_name
ORDER BY mailbox NULLS LAST, folder_name NULLS LAST, folder_path NULLS LAST, user NULLS LAST
