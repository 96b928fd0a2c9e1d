"""What the page reads: people, dossiers, summaries; a score and its decision become one row, whose facets are indexed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_FACETS = ["band", "segment", "tier", "value_quadrant", "reason_1", "reason_2", "reason_3", "action", "arm"]
_ORDERS: dict[str, list[Any]] = {
    "risk": [sa.text("churn_probability desc"), "customer_id"],
    "value_at_risk": [sa.text("value_at_risk desc"), "customer_id"],
    "lifetime_value": [sa.text("lifetime_value desc"), "customer_id"],
    "net_value": [sa.text("expected_net_value desc"), "customer_id"],
    "customer": ["customer_id"],
}
_RUN = "shop, bundle, cutoff, scored_at, customers, eligible, language, currency"
_SCORE = ("customer_id", "eligible", "churn_probability", "percentile", "band", "segment", "tier", "value_quadrant",
          "lifetime_value", "value_at_risk", "reason_1", "reason_2", "reason_3", "answer")  # fmt: skip
_FORMER = ("band_and_lifetime_value", "band_and_value", "band_and_risk", "lifetime_value", "value", "risk")
_OF_THE_DECISION: dict[str, Any] = {
    "action": sa.String(64), "arm": sa.String(16), "propensity": sa.Float(), "expected_net_value": sa.Float(),
    "cost": sa.Float(), "evidence": sa.String(32), "why_not": sa.String(32), "withheld": sa.String(64),
}  # fmt: skip


def upgrade() -> None:
    for name in _FORMER:
        op.drop_index(f"scores_by_{name}", "scores")
    op.drop_index("decisions_by_value", "decisions")
    op.drop_index("score_runs_by_cutoff", "score_runs")
    op.rename_table("score_runs", "former_runs")
    op.rename_table("scores", "former_scores")
    _create_score_runs()
    _create_scores()
    op.execute(
        f"insert into score_runs ({_RUN}, state, summary) select {_RUN}, 'complete', '{{}}' from former_runs"
        " order by scored_at"
    )
    own = ", ".join(f"s.{name}" for name in _SCORE)
    decided = ", ".join(f"d.{name}" for name in _OF_THE_DECISION)
    op.execute(
        f"insert into scores (run_id, {', '.join(_SCORE)}, {', '.join(_OF_THE_DECISION)})"
        f" select n.run_id, {own}, {decided} from former_scores as s"
        " join decisions as d on d.run_id = s.run_id and d.customer_id = s.customer_id"
        " join former_runs as f on f.run_id = s.run_id"
        " join score_runs as n on n.shop = f.shop and n.cutoff = f.cutoff and n.bundle = f.bundle"
    )
    for table in ("decisions", "former_scores", "former_runs"):
        op.drop_table(table)
    op.create_index("score_runs_by_cutoff", "score_runs", ["shop", "cutoff", "scored_at"])
    for name, columns in _ORDERS.items():
        op.create_index(f"scores_by_{name}", "scores", ["run_id", "eligible", *columns, "name", *_FACETS])
    _create_the_rest()


def _create_score_runs() -> None:
    op.create_table(
        "score_runs",
        sa.Column("run_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("scored_at", sa.DateTime(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("matures_on", sa.Date(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
    )


def _create_scores() -> None:
    op.create_table(
        "scores",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(256), nullable=False),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("churn_probability", sa.Float(), nullable=False),
        sa.Column("percentile", sa.Float(), nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("segment", sa.String(200), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("value_quadrant", sa.String(16), nullable=False),
        sa.Column("lifetime_value", sa.Float(), nullable=False),
        sa.Column("value_at_risk", sa.Float(), nullable=False),
        sa.Column("reason_1", sa.String(64), nullable=False),
        sa.Column("reason_2", sa.String(64), nullable=False),
        sa.Column("reason_3", sa.String(64), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in _OF_THE_DECISION.items()),
        sa.Column("churned", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["score_runs.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "customer_id"),
    )


def _create_the_rest() -> None:
    op.create_table(
        "dossiers",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(256), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["score_runs.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "customer_id"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(16), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("language", sa.String(8), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        sa.UniqueConstraint("login"),
    )
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_table(
        "failed_sign_ins",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("login_sha256", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("failed_sign_ins_by_login", "failed_sign_ins", ["login_sha256", "at"])
