"""The tenant's GUID, from what the engagement file calls it (design 1.2)."""

import json
import re

from collector.auth.refusal import refusal
from collector.auth.transport import MsalHttp
from collector.errors import AccessError

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def tenant_id(authority: str, tenant: str, http: MsalHttp) -> str:
    """Return the GUID, in lower case; a verified domain is looked up in the sign-in metadata (protocol.md E1).

    Raises AccessError where the cloud knows no such domain, Outage where it does not answer.
    """
    if _GUID.fullmatch(tenant):
        return tenant.lower()
    answer = http.get(f"{authority}/{tenant}/v2.0/.well-known/openid-configuration")
    metadata = json.loads(answer.text)
    if answer.status_code != 200:
        raise refusal(metadata)
    for name in ("issuer", "token_endpoint"):
        if found := _GUID.search(str(metadata.get(name))):
            return found[0].lower()
    raise AccessError(
        f"the sign-in metadata does not say which tenant {tenant} is",
        remedy="write the tenant's GUID into the engagement file",
    )
