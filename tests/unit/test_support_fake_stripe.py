"""The fakes of Stripe and the platform: strict, and exact about idempotency keys."""

import httpx
import pytest
import stripe

from hitl_graphs.support.fakes import (
    EmailTransferred,
    FakePlatform,
    FakeStripe,
    RateLimited,
    RefundCreated,
    ServerError,
)


@pytest.fixture
def library(monkeypatch):
    """Stripe's official library as it comes, towards a fake with one paid order."""
    monkeypatch.setattr(stripe, "enable_telemetry", False)  # it would write into the home directory
    with FakeStripe(orders={"A-1001": 20_000}) as fake:
        client = stripe.StripeClient(
            fake.token, base_addresses={"api": fake.url}, http_client=stripe.RequestsClient()
        )
        yield fake, client
        client._requestor._get_http_client().close()


def test_stripe_keeps_the_first_answer_of_a_key(library):
    """S-15: the same key and the same parameters give the same answer, marked as replayed, and one refund."""
    fake, client = library
    (charge,) = client.v1.charges.search({"query": "metadata['order_id']:'A-1001'"}).data
    params = {"charge": charge.id, "amount": 100, "metadata": {"b": "2", "a": "1"}}
    first = client.v1.refunds.create(params, {"idempotency_key": "act-1"})
    again = client.v1.refunds.create(
        {**params, "metadata": {"a": "1", "b": "2"}}, {"idempotency_key": "act-1"}
    )
    assert again.id == first.id
    assert first.last_response.headers.get("idempotent-replayed") is None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(fake.made(RefundCreated)) == 1


def test_stripe_refuses_a_key_with_other_parameters(library):
    """S-15: 400 idempotency_error, and nothing is done."""
    fake, client = library
    charge = fake.add_order("B-2", 900)
    client.v1.refunds.create({"charge": charge, "amount": 100}, {"idempotency_key": "act-1"})
    with pytest.raises(stripe.IdempotencyError) as caught:
        client.v1.refunds.create({"charge": charge, "amount": 200}, {"idempotency_key": "act-1"})
    assert caught.value.http_status == 400
    assert fake.refunded("B-2") == 100


def test_stripe_keeps_errors_of_work_begun_and_forgets_bad_parameters(library):
    """S-15: a 500 is replayed under its key; a request that failed validation leaves the key free."""
    fake, client = library
    charge = fake.add_order("B-2", 900)
    fake.script(ServerError())
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.refunds.create({"charge": charge, "amount": 100}, {"idempotency_key": "act-1"})
    with pytest.raises(stripe.InvalidRequestError, match="positive integer"):
        client.v1.refunds.create({"charge": charge, "amount": -5}, {"idempotency_key": "act-2"})
    client.v1.refunds.create({"charge": charge, "amount": 5}, {"idempotency_key": "act-2"})
    assert fake.refunded("B-2") == 5


def test_stripe_limits_a_rate_before_it_looks_at_the_key(library):
    """S-15: a 429 is not kept, so the same key works a moment later."""
    fake, client = library
    charge = fake.add_order("B-2", 900)
    fake.script(RateLimited(retry_after=3))
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.refunds.create({"charge": charge}, {"idempotency_key": "act-1"})
    assert (caught.value.headers or {})["retry-after"] == "3"
    assert client.v1.refunds.create({"charge": charge}, {"idempotency_key": "act-1"}).amount == 900


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, None),
        ({"charge": "ch_none"}, "resource_missing"),
        ({"payment_intent": "pi_none"}, "resource_missing"),
        ({"charge": "ch_none", "payment_intent": "pi_none"}, None),
        ({"charge": "ch_none", "amonut": 1}, "parameter_unknown"),
        ({"charge": "ch_none", "reason": "because"}, None),
        ({"charge": "ch_none", "metadata": {"long": "x" * 501}}, None),
    ],
)
def test_stripe_is_strict(library, params, code):
    """S-15: what Stripe refuses is refused, with its error object, and nothing is refunded."""
    fake, client = library
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create(params)
    assert caught.value.code == code
    assert fake.effects == ()


def test_stripe_gives_back_no_more_than_was_paid(library):
    """S-15: a second full refund is charge_already_refunded; an unpaid charge is not refunded at all."""
    fake, client = library
    charge, unpaid = fake.add_order("B-2", 900), fake.add_order("C-3", 900, status="failed")
    client.v1.refunds.create({"charge": charge})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": charge})
    assert caught.value.code == "charge_already_refunded"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"charge": unpaid})
    assert client.v1.charges.retrieve(charge).refunded
    assert len(fake.effects) == 1


def test_stripe_searches_by_what_it_is_asked_and_knows_no_other_query(library):
    """S-15: clauses joined by AND; a query it cannot read is refused, not answered with everything."""
    fake, client = library
    fake.add_order("B-2", 900, status="failed")
    assert client.v1.charges.search({"query": "metadata['order_id']:'B-2' AND status:'succeeded'"}).data == []
    assert client.v1.charges.search({"query": "metadata['other']:'B-2'"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.search({"query": "order B-2"})
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.customers.create({"name": "Ann"})


def test_the_platform_answers_201_409_and_422():
    """S-15: moved; the key belongs to another transfer; the addresses do not fit, or the key is missing."""
    with (
        FakePlatform(accounts=["a@x.org"]) as platform,
        httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {platform.token}"}) as http,
    ):

        def move(from_email, to_email, key="act-1"):
            headers = {"Idempotency-Key": key} if key else {}
            body = {"from_email": from_email, "to_email": to_email}
            return http.post("/email-transfers", json=body, headers=headers).status_code

        assert move("a@x.org", "b@x.org") == 201
        assert move("a@x.org", "b@x.org") == 201
        assert move("a@x.org", "c@x.org") == 409
        assert move("unknown@x.org", "c@x.org", "act-2") == 422
        assert move("a@x.org", "not an address", "act-3") == 422
        assert move("a@x.org", "c@x.org", None) == 422
        assert http.get("/email-transfers").status_code == 404
        assert http.post("/email-transfers", headers={"Authorization": "Bearer nobody"}).status_code == 401
        assert len(platform.made(EmailTransferred)) == 1
