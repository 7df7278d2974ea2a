"""A browser without scripts: pages as elements and text, and their forms filled in and sent as they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
LOADED = re.compile(r"/(static|preview)/[a-z.]+\?v=[0-9a-f]{12}")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


@dataclass
class Form:
    """A form: where it goes, what it holds, what it can be sent by – the words on a button, its name and value, its own address."""

    action: str
    held: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status = answer.status_code
        self.policy = answer.headers.get("content-security-policy")
        self.source = answer.text
        self.address = answer.url.path
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.fields: dict[str, dict[str, str]] = {}  # of what somebody can fill in: its attributes, by name
        self._words: list[str] = []
        self._open: list[str] = []
        self._form: Form | None = None
        self._button: dict[str, str] | None = None
        self._area: str | None = None
        self._select: str = ""
        self.feed(answer.text)
        assert self._open == [], "every element is closed"

    @property
    def text(self) -> str:
        """What is read."""
        return " ".join("".join(self._words).split())

    def form(self, button: str) -> Form:
        """The one form with a button of these words."""
        (found,) = [each for each in self.forms if any(words == button for words, *_ in each.buttons)]
        return found

    def offers(self, button: str) -> bool:
        """Whether there is such a button."""
        return any(words == button for form in self.forms for words, *_ in form.buttons)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= set(given)
        if tag not in _VOID:
            self._open.append(tag)
        self._words.append(
            "\n" if tag in {"p", "div", "br", "li", "article", "pre", "h1", "h3", "button"} else ""
        )
        self.loaded += [given["src"]] if "src" in given else []
        self.loaded += [given["href"]] if tag == "link" else []
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        if tag == "form":
            self._form = Form(given["action"])
            self.forms.append(self._form)
        elif tag == "button":
            self._button = given
        elif tag in {"input", "textarea", "select"}:
            self._hold(tag, given)
        elif tag == "option" and "selected" in given and self._form:
            self._form.held.append((self._select, given["value"]))

    def _hold(self, tag: str, given: dict[str, str]) -> None:
        if given.get("type") != "hidden":
            self.fields[given["name"]] = given
        if tag == "textarea":
            self._area = given["name"]
        elif tag == "select":
            self._select = given["name"]
        elif self._form and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            self._form.held.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "form":
            self._form = None
        if tag in {"button", "textarea"}:
            self._words.append(" ")
            self._button = None
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area and self._form:
            self._form.held.append((self._area, data.removeprefix("\n")))
        elif self._button is not None and self._form and data.strip() and "popovertarget" not in self._button:
            own = self._button
            pressed = (data.strip(), own.get("name", ""), own.get("value", ""), own.get("formaction", ""))
            self._form.buttons.append(pressed)
        if "script" not in self._open and "head" not in self._open:
            self._words.append(data)


class Browser:
    """Looks at pages and sends their forms."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def look(self, path: str) -> Page:
        """A page, which loads nothing from elsewhere and runs nothing of its own."""
        return self._checked(self._http.get(path, follow_redirects=True))

    def send(self, page: Page, button: str, **filled: str | list[str]) -> Page:
        """Fill in the form with this button – ``filled``: by a field's name, or its last part – and press it."""
        form = page.form(button)
        (_, name, value, elsewhere), *_ = [each for each in form.buttons if each[0] == button]
        names = {key: self._meant(page, form, key) for key in filled}
        held = [(key, each) for key, each in form.held if key not in names.values()]
        for key, given in filled.items():
            held += [(names[key], each) for each in ([given] if isinstance(given, str) else given)]
        held += [(name, value)] if name else []
        data: dict[str, list[str]] = {}
        for key, each in held:
            data.setdefault(key, []).append(each)
        return self._checked(self._http.post(elsewhere or form.action, data=data, follow_redirects=True))

    @staticmethod
    def _meant(page: Page, form: Form, key: str) -> str:
        names = {*page.fields, *(name for name, _ in form.held)}
        (found,) = [name for name in names if name == key or name.partition("/")[0].replace("-", "_") == key]
        return found

    @staticmethod
    def _checked(answer: httpx.Response) -> Page:
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
        page = Page(answer)
        assert page.policy == POLICY
        assert not page.tags & {"img", "iframe", "object", "embed", "style", "base", "svg", "math"}
        assert all(LOADED.fullmatch(source) for source in page.loaded), page.loaded
        assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
        assert all(link.startswith(("/", "#", "http://127.0.0.1", "https://")) for link in page.links), (
            page.links
        )
        return page
