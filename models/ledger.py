"""The ledger: the operational database of score runs, scores with their decisions, people, keys and audit.

SQLite with write-ahead logging unless `HOLDFAST_LEDGER_URL` names another database that SQLAlchemy knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from features.refusal import Refusal

metadata = sa.MetaData()

score_runs = sa.Table(
    "score_runs", metadata,
    sa.Column("run_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("state", sa.String(16), nullable=False),  # writing, complete, superseded: models/runs.py
    sa.Column("shop", sa.String(64), nullable=False),
    sa.Column("bundle", sa.String(64), nullable=False),
    sa.Column("cutoff", sa.Date, nullable=False),
    sa.Column("scored_at", sa.DateTime, nullable=False),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("eligible", sa.Integer, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("matures_on", sa.Date, nullable=True),  # null where an older version scored
    sa.Column("summary", sa.Text, nullable=False),  # JSON of models/summary.py
    sa.Column("outcome", sa.Text, nullable=True),  # JSON of models/outcome.py; null until the labels have matured
    sa.Index("score_runs_by_cutoff", "shop", "cutoff", "scored_at"),
)  # fmt: skip

FACETS = ("band", "segment", "tier", "value_quadrant", "reason_1", "reason_2", "reason_3", "action", "arm")
"""What the churn list is filtered by: in each index of its orders, so that a filter reads nothing else."""


def _ordered_by(name: str, column: str) -> sa.Index:
    named = () if column == "customer_id" else ("customer_id",)
    highest_first: Any = column if column == "customer_id" else sa.desc(column)
    return sa.Index(f"scores_by_{name}", "run_id", "eligible", highest_first, *named, "name", *FACETS)


scores = sa.Table(
    "scores", metadata,
    sa.Column("run_id", sa.ForeignKey("score_runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("customer_id", sa.String(256), primary_key=True),
    sa.Column("name", sa.String(200), nullable=True),
    sa.Column("eligible", sa.Boolean, nullable=False),
    sa.Column("churn_probability", sa.Float, nullable=False),
    sa.Column("percentile", sa.Float, nullable=False),
    sa.Column("band", sa.String(16), nullable=False),
    sa.Column("segment", sa.String(200), nullable=False),  # its id; names are in the run's summary
    sa.Column("tier", sa.String(16), nullable=False),
    sa.Column("value_quadrant", sa.String(16), nullable=False),
    sa.Column("lifetime_value", sa.Float, nullable=False),
    sa.Column("value_at_risk", sa.Float, nullable=False),
    sa.Column("reason_1", sa.String(64), nullable=False),
    sa.Column("reason_2", sa.String(64), nullable=False),
    sa.Column("reason_3", sa.String(64), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("arm", sa.String(16), nullable=False),
    sa.Column("propensity", sa.Float, nullable=False),
    sa.Column("expected_net_value", sa.Float, nullable=False),
    sa.Column("cost", sa.Float, nullable=False),
    sa.Column("evidence", sa.String(32), nullable=False),
    sa.Column("why_not", sa.String(32), nullable=False),
    sa.Column("withheld", sa.String(64), nullable=False),
    sa.Column("churned", sa.Boolean, nullable=True),  # null until the label has matured and was compared
    sa.Column("answer", sa.Text, nullable=False),
    _ordered_by("risk", "churn_probability"),
    _ordered_by("value_at_risk", "value_at_risk"),
    _ordered_by("lifetime_value", "lifetime_value"),
    _ordered_by("net_value", "expected_net_value"),
    _ordered_by("customer", "customer_id"),
)  # fmt: skip

dossiers = sa.Table(
    "dossiers", metadata,
    sa.Column("run_id", sa.ForeignKey("score_runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("customer_id", sa.String(256), primary_key=True),
    sa.Column("dossier", sa.Text, nullable=False),  # JSON of models/dossier.py
)  # fmt: skip

users = sa.Table(
    "users", metadata,
    sa.Column("user_id", sa.String(16), primary_key=True),
    sa.Column("login", sa.String(64), nullable=False, unique=True),
    sa.Column("password", sa.String(200), nullable=False),  # Argon2id, in its own encoding
    sa.Column("language", sa.String(8), nullable=True),  # null: as the browser asks
    sa.Column("created_at", sa.DateTime, nullable=False),
)  # fmt: skip

sessions = sa.Table(
    "sessions", metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime, nullable=False),
    sa.Index("sessions_by_user", "user_id"),
)  # fmt: skip

failed_sign_ins = sa.Table(
    "failed_sign_ins", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("login_sha256", sa.String(64), nullable=False),  # people type passwords here by mistake
    sa.Column("address", sa.String(64), nullable=False),
    sa.Index("failed_sign_ins_by_login", "login_sha256", "at"),
)  # fmt: skip

api_keys = sa.Table(
    "api_keys", metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", sa.String(256), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("revoked_at", sa.DateTime),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("did", sa.String(64), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)  # fmt: skip

_VERSIONS = Path(__file__).parent / "ledger_versions"


class Ledger:
    """An open ledger; safe to share between threads.

    Raises
    ------
    Refusal
        From every method: HF501 unreachable, full or no ledger at all, HF502 locked by another writer, HF504 schema of
        another version.
    """

    def __init__(self, url: str, busy_seconds: float = 10.0) -> None:
        self.url = url
        try:
            sqlite = sa.make_url(url).get_backend_name() == "sqlite"
            database = sa.make_url(url).database
            if sqlite and database:
                Path(database).parent.mkdir(parents=True, exist_ok=True)
            # hide_parameters: customers' data never reach a log through an exception's text
            self.engine = sa.create_engine(
                url, hide_parameters=True, connect_args={"timeout": busy_seconds} if sqlite else {}
            )
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError, OSError) as error:
            raise Refusal(
                "HF501", f"the ledger's address is not usable: {error}.", "Correct HOLDFAST_LEDGER_URL."
            ) from None
        if sqlite:
            sa.event.listen(self.engine, "connect", _sqlite_connects)
            sa.event.listen(self.engine, "begin", _sqlite_begins)

    def __repr__(self) -> str:
        return f"<Ledger {self.engine.url.render_as_string(hide_password=True)}>"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading."""
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it, or nothing."""
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(holdfast_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        shown = self.engine.url.render_as_string(hide_password=True)
        try:
            yield
        except sa.exc.DBAPIError as error:
            text = next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
            raise _refusal(shown, text, isinstance(error, sa.exc.OperationalError)) from None
        except sa.exc.TimeoutError:
            raise Refusal(
                "HF501", f"all connections to the ledger {shown} are in use.", "Is the database very slow?"
            ) from None

    def migrate(self, to: str = "head") -> None:
        """Bring the schema to this program's version, or to an earlier one; where it is already, nothing is written.

        All or nothing on SQLite and PostgreSQL. Of two processes at once on SQLite the second waits, then finds
        nothing to do; elsewhere the second may be refused with HF501 and finds nothing to do when run again.
        HF504 for a schema that a later program has made.
        """
        config = Config()
        config.set_main_option("script_location", str(_VERSIONS))
        head = ScriptDirectory.from_config(config).get_current_head()
        with self.reading() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
        with self.writing() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, to)
            except CommandError as error:
                raise Refusal(
                    "HF504", f"the ledger {self.engine.url.render_as_string(hide_password=True)} was made by a later"
                    f" version: {error}.", "Use the version of Holdfast that made it.",
                ) from None  # fmt: skip

    def note(self, connection: sa.Connection, who: str, did: str, **detail: Any) -> None:
        """One line of audit, in the caller's transaction."""
        connection.execute(
            sa.insert(audit).values(at=utc_now(), who=who, did=did, detail=json.dumps(detail, default=str))
        )

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _refusal(shown: str, text: str, operational: bool) -> Refusal:
    """What the database said in its first line, as a person may act on it."""
    match text:
        case _ if "locked" in text or "lock timeout" in text:
            return Refusal(
                "HF502", f"another process is writing to the ledger {shown}.", "Try again when it has ended."
            )
        case _ if "no such table" in text or "does not exist" in text or "no such column" in text:
            return Refusal("HF504", f"the ledger {shown} is of another version: {text}.", "Run: holdfast score")
        case _ if "disk is full" in text or "No space left" in text:
            return Refusal("HF501", f"the disk of the ledger {shown} is full.", "Make room, then run it again.")
        case _ if operational:
            return Refusal("HF501", f"the ledger {shown} cannot be reached: {text}.", "Is it running?")
    return Refusal("HF501", f"the ledger {shown} cannot be used: {text}.", "Is HOLDFAST_LEDGER_URL the ledger's?")


def utc_now() -> datetime:
    """Now, in UTC without a zone, as the ledger keeps moments."""
    return datetime.now(UTC).replace(tzinfo=None)


def _sqlite_connects(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _sqlite_begins
    for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
        connection.execute(f"pragma {pragma}")


def _sqlite_begins(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("holdfast_writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")
