"""Answers from evidence alone: no sign-in, no network."""
