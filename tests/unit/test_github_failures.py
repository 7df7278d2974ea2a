from email.utils import parsedate_to_datetime

import pytest
from github import GithubException, RateLimitExceededException
from github.Requester import Requester

from hitl_middleware.channels.github.failures import DEFAULT_RETRY_AFTER, failure
from hitl_middleware.errors import DeliveryFailed

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
NOON = "Thu, 26 Nov 2026 12:00:00 GMT"
NOON_SECONDS = int(parsedate_to_datetime(NOON).timestamp())


def refused(status, message="", **headers):
    """The exception that PyGithub makes of such an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Requester.createException(status, named, {"message": message})


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refused(403, SECONDARY, retry_after="7"), 7),
        (refused(429, "Too many", retry_after="7"), 7),
        (refused(403, SECONDARY), DEFAULT_RETRY_AFTER),
        (refused(429), DEFAULT_RETRY_AFTER),
        (refused(403, SECONDARY, retry_after="Thu, 26 Nov 2026 12:00:00 GMT"), DEFAULT_RETRY_AFTER),
        (
            refused(
                403, "API rate limit exceeded for user ID 1.", x_ratelimit_remaining="0",
                x_ratelimit_reset=str(NOON_SECONDS + 90), date=NOON,
            ),
            91,
        ),
        (refused(429, "", x_ratelimit_remaining="0", x_ratelimit_reset=str(NOON_SECONDS - 5), date=NOON), 1),
        (refused(429, "", x_ratelimit_remaining="0", x_ratelimit_reset="9" * 11, date=NOON), 3600),
        (refused(429, "", x_ratelimit_remaining="0", x_ratelimit_reset="soon", date=NOON), DEFAULT_RETRY_AFTER),
        (refused(429, "", x_ratelimit_remaining="0", x_ratelimit_reset=str(NOON_SECONDS), date="now"), 60),
        (refused(503, "", retry_after="3"), 3),
    ],
)  # fmt: skip
def test_how_long_github_wants_to_be_left_alone(error, seconds):
    """G-14: GitHub's own number where it gives one, by its own clock; never for good."""
    found = failure(error)
    assert (found.retry_after, found.permanent) == (seconds, False)


@pytest.mark.parametrize(
    ("error", "permanent", "says"),
    [
        (refused(401, "Bad credentials"), False, "does not accept GITHUB_TOKEN"),
        (refused(403, "Resource not accessible by personal access token"), False, "not accessible by personal"),
        (refused(404, "Not Found"), False, "may lack access"),
        (refused(410, "This issue was deleted"), True, "deleted"),
        (refused(422, "Validation Failed"), True, "Validation Failed"),
        (refused(422, "was submitted too quickly"), False, "too quickly"),
        (refused(500, "Server Error"), False, "HTTP 500"),
        (refused(502), False, "HTTP 502"),
        (TimeoutError("ghp_s3cret"), False, "TimeoutError"),
        (ConnectionError("https://s3cret@host/"), False, "ConnectionError"),
        (RuntimeError("Github server redirected from host a to b"), False, "GITHUB_API_URL"),
    ],
)  # fmt: skip
def test_what_a_later_attempt_can_mend(error, permanent, says):
    """G-14: only the words themselves and a deleted issue are beyond mending; the reason names it, and holds nothing secret."""
    found = failure(error)
    assert (found.permanent, found.retry_after) == (permanent, None)
    assert says in str(found)
    assert "s3cret" not in str(found)


def test_what_github_says_is_made_visible_and_short():
    """Rule 9: an answer is somebody else's text."""
    found = str(failure(refused(403, "a\n\u202eb" + "x" * 5000)))
    assert "\n" not in found
    assert "\u202e" not in found
    assert len(found) < 400


def test_a_failure_stays_what_it_is():
    """What our own code found out is not wrapped again."""
    known = DeliveryFailed("known", retry_after=5)
    assert failure(known) is known


def test_pygithubs_own_classes():
    """PyGithub's subclass for limits, as other versions raise it without headers, waits the usual minute."""
    assert failure(RateLimitExceededException(403, {"message": SECONDARY}, None)).retry_after == 60
    assert failure(GithubException(403, None, None)).retry_after is None
