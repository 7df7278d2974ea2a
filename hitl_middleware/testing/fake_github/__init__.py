"""A fake GitHub for tests and demos: a real HTTP server on loopback, as strict as the real one, and its people.

    with FakeGitHub() as fake:
        fake.repository("acme/shop")
        fake.person("ann", permission="write")
        app = start_my_app(fake.environ)  # GITHUB_API_URL, GITHUB_TOKEN, GITHUB_WEBHOOK_SECRET
        fake.connect(app.url + "/github/webhooks")  # sends the ping; without it the app has to poll

        issue = fake.open_issue("acme/shop", "ann", "Cart forgets its coupon", labels=["bug"])
        card = fake.wait_for_comment("Approve", number=issue.number)
        answer = fake.comment("acme/shop", issue.number, "ann", "/approve")  # await fake.acomment(…) on an event loop
        assert fake.replies[-1].status == 202
        assert ("hitl-bot", "eyes") in fake.reactions(answer)

The REST API lies at `fake.url` (with `/api/v3`, as on a server of one's own) and refuses what GitHub refuses: PyGithub talks to it
unchanged, `Github(base_url=fake.url, auth=Auth.Token(fake.token), seconds_between_requests=0, seconds_between_writes=0)`. The pages
that people read lie at `fake.web_url`. The token is that of a machine user, `hitl-bot`, who may do everything everywhere; `add_token`
makes others, classic with scopes or fine-grained with permissions.

Acts of people and changes by the API alike are told to every webhook with signed deliveries. An act returns when the app has
answered; what the API's own changes give rise to follows behind (`finish_deliveries` waits for it). A delivery that fails raises
nothing and is not repeated, as on GitHub: `replies` tells. `lose_deliveries`, `double_deliveries`, `holding_deliveries`, `redeliver`,
`forge` and `send` are there for bad networks and bad people.

Code is there, too: `repository(…, files={…})`, `push`, `open_pull`, `review(…, "approve")`, `merge`, and what came of it in `files`,
`branches`, `log`, `pull`, `reviews`. Merging compares file by file.

Faults are scripted: `fake.fail("POST", "*/comments", LostReply())`, `SecondaryLimit(retry_after=30)`, `fake.limit_requests(0)`,
`with fake.unreachable(): …`. Time is injected: `FakeGitHub(now=…)`. `fake.calls` has everything that was asked,
`fake.seen(comment)` what a reader has before them: its text, whom it mentions, what it refers to.

Not played: GraphQL, Actions, forks, review threads, milestones, projects, the search API.
"""

from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.fake import SCOPES, FakeGitHub
from hitl_middleware.testing.fake_github.faults import (
    Fault,
    Garbage,
    HangUp,
    LostReply,
    Refused,
    SecondaryLimit,
    ServerError,
    ServerErrorAfterAccepting,
    Slow,
)
from hitl_middleware.testing.fake_github.markdown import Seen, seen
from hitl_middleware.testing.fake_github.records import (
    Account,
    App,
    Comment,
    Hook,
    Installation,
    Issue,
    Pull,
    Repository,
    Review,
    Team,
)
from hitl_middleware.testing.fake_github.traffic import Call, Delivery, Reply
from hitl_middleware.testing.watched import NothingCame

__all__ = [
    "SCOPES",
    "Account",
    "App",
    "Call",
    "CannotHappen",
    "Comment",
    "Delivery",
    "FakeGitHub",
    "Fault",
    "Garbage",
    "HangUp",
    "Hook",
    "Installation",
    "Issue",
    "LostReply",
    "NothingCame",
    "Pull",
    "Refused",
    "Reply",
    "Repository",
    "Review",
    "SecondaryLimit",
    "Seen",
    "ServerError",
    "ServerErrorAfterAccepting",
    "Slow",
    "Team",
    "seen",
]
