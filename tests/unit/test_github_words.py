import pytest

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.words import Address, CommentRef, Team
from hitl_middleware.ids import new_id


class TestPlaces:
    @pytest.mark.parametrize(
        "text", ["acme/shop#12", "A-1/.github#1", "ann_acme/x.y-z_#4294967295", "a/..x#7"]
    )
    def test_an_address_reads_as_it_is_written(self, text):
        """An issue's place comes back from its text to the letter."""
        assert str(Address.parse(text)) == text

    @pytest.mark.parametrize(
        "text",
        [
            "", "acme/shop", "acme/shop#", "acme/shop#0", "acme/shop#012", "acme/shop#-1", "acme/shop#1 ", " acme/shop#1", "shop#1",
            "acme/shop/x#1", "-acme/shop#1", "acme/.#1", "acme/..#1", "acme/shop.git#1", "acme/sh op#1", "acme/shop#1\n",
            "acme/shop#\u0661",
            "a" * 40 + "/shop#1", "acme/" + "x" * 101 + "#1", "acme/shop#12345678901", "acmé/shop#1", "acme/shop?x#1", "acme/%2e%2e#1",
        ],
    )  # fmt: skip
    def test_anything_else_is_no_address(self, text):
        """Nothing that could become another path of the API is taken for a place."""
        with pytest.raises(ValueError, match="acme/shop#12"):
            Address.parse(text)

    def test_labels_name_an_issue(self):
        """G-02: repository and issue of a request's labels; none where one is missing or is none."""
        assert Address.of({"repository": "acme/shop", "issue": "12"}) == Address("acme/shop", 12)
        assert Address.of({"repository": "acme/shop"}) is None
        assert Address.of({"repository": "acme/shop", "issue": "twelve"}) is None
        assert Address.of({"conversation": "cnv_1"}) is None

    def test_a_card_is_known_by_its_comment(self):
        """A card's ref names repository and comment."""
        assert CommentRef.parse("acme/shop:4711") == CommentRef("acme/shop", 4711)
        assert str(CommentRef("acme/shop", 4711)) == "acme/shop:4711"
        for text in ("acme/shop#4711", "acme/shop:0", "acme/shop:", "C0REVIEWS1:1.2", "acme/shop:1:2"):
            with pytest.raises(ValueError, match="acme/shop:4711"):
                CommentRef.parse(text)


class TestPeople:
    @pytest.mark.parametrize(
        ("identity", "login", "team", "role"),
        [
            ("github:ann", "ann", None, None),
            ("GitHub:Ann", "Ann", None, None),
            ("github:ann_acme", "ann_acme", None, None),
            ("github:hitl[bot]", "hitl[bot]", None, None),
            ("github:acme/architects", None, Team("acme", "architects"), None),
            ("github:role:write", None, None, "write"),
            ("github:Role:Admin", None, None, "admin"),
            ("github:role:owner", None, None, None),
            ("github:role:assignee", None, None, None),
            ("github:", None, None, None),
            ("github:ann bob", None, None, None),
            ("github:@ann", None, None, None),
            ("github:acme/", None, None, None),
            ("github:acme/a/b", None, None, None),
            ("slack:U024BE7LH", None, None, None),
            ("ann", None, None, None),
            (None, None, None, None),
        ],
    )
    def test_an_identity_is_one_thing(self, identity, login, team, role):
        """P-01: a login, a team or a role – never two of them, and nothing that only looks like one."""
        assert words.login_of(identity) == login
        assert words.team_of(identity) == team
        assert words.role_of(identity) == role

    def test_an_assignee_is_no_role_of_the_repository(self):
        """Who an issue is assigned to is asked of the issue."""
        assert words.is_assignee("github:role:assignee")
        assert words.is_assignee("github:Role:Assignee")
        assert not words.is_assignee("github:assignee")
        assert not words.is_assignee(None)


class TestMarkers:
    def test_a_comment_is_found_by_its_first_line(self):
        """The id comes back from card and notice, and neither is taken for the other."""
        one = new_id()
        assert words.card_in(f"{words.card_marker(one)}\n\n### Title") == one
        assert words.card_in(f"{words.card_marker(one)}\r\n") == one
        assert words.card_in(words.card_marker(one)) == one
        assert words.notice_in(f"{words.notice_marker(one)}\nText") == one
        assert words.notice_in(words.card_marker(one)) is None
        assert words.card_in(words.notice_marker(one)) is None
        assert words.is_ours(words.card_marker(one))
        assert words.is_ours(words.notice_marker(one))

    @pytest.mark.parametrize(
        "copy", ["> {}", "\n{}", " {}", "```\n{}\n```", "I saw {}", "`{}`", "\ufeff{}", "{} and more", "{}{}"]
    )
    def test_a_copy_is_not_taken_for_it(self, copy):
        """A quoted mark, or one that is not alone on the first line, marks nothing."""
        body = copy.format(words.card_marker("1"), "x")
        assert words.card_in(body) is None
        assert not words.is_ours(body)

    @pytest.mark.parametrize("our_id", ["", "a b", "x -->", "1\n2", "x" * 65])
    def test_only_our_ids_are_written(self, our_id):
        """Nothing can end the comment early."""
        with pytest.raises(ValueError, match="id of ours"):
            words.card_marker(our_id)
