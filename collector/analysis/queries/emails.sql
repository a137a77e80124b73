-- What were the messages that were opened: from whom, to whom, about what?
--
-- The messages that Binds name, joined with the message trace by InternetMessageId. Ask this last, for the list that
-- goes to those who must judge what was exposed. trace says whether the trace holds a message: `found`, `not-found`
-- (the range in `reason` was traced whole and does not hold it: it is older or newer, or was never sent), or
-- `out-of-reach` (neither its mailbox was traced nor itself asked for by its id, or with the gaps in `reason`). Never
-- take the last for the second.
--
-- One row for each (internet_message_id, mailbox). Columns: internet_message_id, mailbox, subject, sender, recipients,
-- received, size, statuses, from_ip, trace, reason.
-- Example: collector investigate emails evidence/ --session a77ac4e2-0001-4000-8000-000000000001 --output mails.csv
WITH named AS (
    SELECT
        message,
        mailbox_key,
        mailbox,
        min(coalesce(internet_message_id, item_id)) AS internet_message_id,
        min(subject) AS subject,
        max(size) AS size
    FROM opened
    GROUP BY message, mailbox_key, mailbox
),
others AS (
    SELECT DISTINCT named.message
    FROM named LEFT JOIN (SELECT DISTINCT message FROM traces) AS exact ON exact.message = named.message
    WHERE exact.message IS NULL
),
sightings AS (
    SELECT message AS named_as, subject, sender, recipient, received, size, status, from_ip FROM traces
    UNION ALL
    SELECT others.message, subject, sender, recipient, received, size, status, from_ip
    FROM others JOIN traces ON lower(traces.message) = lower(others.message)
),
traced AS (
    SELECT
        named_as,
        min(subject) AS subject,
        min(sender) AS sender,
        array_sort(array_distinct(array_agg(recipient))) AS recipients,
        min(received) AS received,
        max(size) AS size,
        array_sort(array_distinct(array_agg(status))) AS statuses,
        min(from_ip) AS from_ip
    FROM sightings
    GROUP BY named_as
)
SELECT
    named.internet_message_id,
    named.mailbox,
    coalesce(traced.subject, named.subject) AS subject,
    traced.sender,
    traced.recipients,
    traced.received,
    coalesce(traced.size, named.size) AS size,
    traced.statuses,
    traced.from_ip,
    CASE WHEN traced.named_as IS NOT NULL THEN 'found' ELSE trace_reach.trace END AS trace,
    CASE WHEN traced.named_as IS NULL THEN trace_reach.reason END AS reason
FROM named
LEFT JOIN traced ON traced.named_as = named.message
LEFT JOIN asked_ids ON asked_ids.message = named.message
LEFT JOIN trace_reach
    ON trace_reach.mailbox_key IS NOT DISTINCT FROM named.mailbox_key
    AND trace_reach.asked = coalesce(asked_ids.asked, 0)
ORDER BY named.mailbox NULLS LAST, traced.received NULLS LAST, named.internet_message_id NULLS LAST
