"""What every store must do, as tests. Subclass it, give it a ``store`` fixture and say how time passes:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self):
            self.clock = ManualClock()
            store = open_store("memory://", clock=self.clock)  # yours, empty
            await store.prepare()
            yield store
            await store.close()

        def advance(self, seconds):
            self.clock.advance(seconds)                        # the database's time, not the machine's

A store is two ways in (``begin``, ``read``), ``prepare`` and ``close``, and the verbs of a unit of work: ``ports.Store`` and
``ports.UnitOfWork`` say what each promises. Give it to ``Hitl(store=...)``. The hard verbs are ``claim_action`` and ``acquire_lease``: one
statement each, which changes one row or none, judged by the database's own time.

The tests are coroutines: run them with pytest-asyncio in its auto mode. A test's docstring says what must come out, with the
requirement it keeps.
"""

from __future__ import annotations

from hitl_middleware.testing.store_contract.actions import ActionContract
from hitl_middleware.testing.store_contract.audit import AuditContract
from hitl_middleware.testing.store_contract.cards import CardContract
from hitl_middleware.testing.store_contract.looking_back import LookingBackContract
from hitl_middleware.testing.store_contract.mail import MailContract
from hitl_middleware.testing.store_contract.requests import RequestContract
from hitl_middleware.testing.store_contract.runs import LeaseContract, RunContract
from hitl_middleware.testing.store_contract.sessions import SessionContract
from hitl_middleware.testing.store_contract.tally import TallyContract
from hitl_middleware.testing.store_contract.troubles import TroubleContract
from hitl_middleware.testing.store_contract.units import UnitContract
from hitl_middleware.testing.store_contract.waiting import WaitingContract


class StoreContract(
    UnitContract,
    RunContract,
    LeaseContract,
    RequestContract,
    WaitingContract,
    ActionContract,
    CardContract,
    MailContract,
    SessionContract,
    AuditContract,
    TallyContract,
    TroubleContract,
    LookingBackContract,
):
    """All of it."""


__all__ = ["StoreContract"]
