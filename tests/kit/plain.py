"""HTTP to this machine."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For ``httpx``'s ``verify``: all is plain HTTP here, and to read the system's certificates would take longer than half a test."""
