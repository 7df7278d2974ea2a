"""What every store must do, as tests. Subclass it, give it a ``store`` fixture and say how time passes:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self): ...          # prepared and empty

        def advance(self, seconds): ...     # turn the database's clock on

The tests are coroutines: run them with pytest-asyncio in its auto mode. ``ports.UnitOfWork`` says what each verb promises; a test's
docstring says what must come out, with the requirement it keeps.
"""

from __future__ import annotations

from hitl_middleware.testing.store_contract.actions import ActionContract
from hitl_middleware.testing.store_contract.audit import AuditContract
from hitl_middleware.testing.store_contract.cards import CardContract
from hitl_middleware.testing.store_contract.mail import MailContract
from hitl_middleware.testing.store_contract.requests import RequestContract
from hitl_middleware.testing.store_contract.runs import LeaseContract, RunContract
from hitl_middleware.testing.store_contract.tally import TallyContract
from hitl_middleware.testing.store_contract.units import UnitContract


class StoreContract(
    UnitContract,
    RunContract,
    LeaseContract,
    RequestContract,
    ActionContract,
    CardContract,
    MailContract,
    AuditContract,
    TallyContract,
):
    """All of it."""


__all__ = ["StoreContract"]
