"""One way to ask a service something: tokens, retries, quotas and the reading of answers."""
