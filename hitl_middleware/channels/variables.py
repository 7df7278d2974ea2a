"""What a variable of a channel may hold: a text or a secret; one that is set to nothing, or to blanks, is not set."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr


def _filled(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


Secret = Annotated[SecretStr | None, BeforeValidator(_filled)]
Text = Annotated[str | None, BeforeValidator(_filled)]
