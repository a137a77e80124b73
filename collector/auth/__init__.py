"""Signing in: from the engagement file's `auth` to one token for each API, held in memory only."""

from collector.auth.signin import SignIn
from collector.auth.tokens import Token, claims_of
from collector.auth.transport import MsalHttp, OnRequest

__all__ = ["MsalHttp", "OnRequest", "SignIn", "Token", "claims_of"]
