"""The desk's settings, read with an error that names the variable."""

from __future__ import annotations

from pydantic import ValidationError

from hitl_graphs.support.effects import SupportSettings
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.records import OnNewInput


class DeskSettings(SupportSettings):
    """``SupportSettings`` and what its webhooks do: ``FRONT_ON_NEW_INPUT`` is ``enqueue``, ``supersede`` or ``refuse``."""

    front_on_new_input: OnNewInput = "enqueue"


class SettingUnusable(ConfigurationError):
    """{name} cannot be used: {why}"""


def load_settings() -> DeskSettings:
    """From the environment. Raises ``SettingUnusable`` with the variable's name, never with its value."""
    try:
        return DeskSettings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        raise SettingUnusable(name=name, why=first["msg"]) from None
    except (
        ValueError
    ):  # pydantic-settings' own, for the one variable that is JSON; its words repeat the value
        raise SettingUnusable(name="SUPPORT_INSTRUCTORS", why="it is not JSON") from None
