"""``hitl …``: the command line."""

from __future__ import annotations


def main() -> None:
    """The entry point of the ``hitl`` command."""
    from hitl_middleware.cli.app import run  # not at import: `import hitl_middleware.cli` stays light

    run()


__all__ = ["main"]
