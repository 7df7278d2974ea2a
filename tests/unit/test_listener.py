"""Where a server cannot listen it says why in the system's own words, and what to choose instead (E-04)."""

from __future__ import annotations

import socket

import pytest

from hitl_middleware.errors import ConfigurationError
from hitl_server.listener import bind


def refused(host: str, port: int) -> str:
    """What is said."""
    with pytest.raises(ConfigurationError) as caught:
        bind(host, port)
    return str(caught.value)


def test_a_port_that_is_taken() -> None:
    """E-04: another port; and nothing of how Python writes an address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused("127.0.0.1", port) == (
            f"Port {port} of 127.0.0.1 cannot be listened on: Address already in use. Choose another with --port (0: any free one)."
        )


def test_an_address_that_is_not_this_machines() -> None:
    """E-04: no port would help (192.0.2.0/24 is nobody's: RFC 5737)."""
    assert refused("192.0.2.1", 0).endswith(". Give an address of this machine with --host.")
