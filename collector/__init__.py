"""Collects a Microsoft 365 tenant's mailbox audit records and message traces as evidence."""

from importlib.metadata import version

__version__ = version("collector")
