-- Which mailboxes were blind, and when?
--
-- A mailbox that produced over 1,000 Bind records within 24 hours is throttled: for the 24 hours that follow, no Bind of
-- it is recorded. Ask this first: inside a blind interval the absence of a record proves nothing, and all mail of the
-- mailbox must be presumed read. Syncs are still recorded. An interval stands here if it meets --since and --until.
--
-- One row for each record with IsThrottled True. Columns: mailbox, throttled_at, blind_until, record_id.
-- Example: collector investigate throttling evidence/ --since 2026-11-01T00:00:00Z
SELECT
    mailbox,
    time AS throttled_at,
    time + INTERVAL 24 HOURS AS blind_until,
    record_id
FROM in_scope CROSS JOIN period
WHERE throttled
    AND (period.since IS NULL OR time + INTERVAL 24 HOURS > period.since)
    AND (period.until IS NULL OR time < period.until)
ORDER BY throttled_at NULLS LAST, mailbox NULLS LAST, record_id NULLS LAST
