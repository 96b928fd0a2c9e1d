"""The first ledger: score runs, scores, decisions, keys, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("did", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "score_runs",
        sa.Column("run_id", sa.String(length=160), nullable=False),
        sa.Column("shop", sa.String(length=64), nullable=False),
        sa.Column("bundle", sa.String(length=64), nullable=False),
        sa.Column("cutoff", sa.Date(), nullable=False),
        sa.Column("scored_at", sa.DateTime(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("score_runs_by_cutoff", "score_runs", ["shop", "cutoff", "scored_at"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("run_id", sa.String(length=160), nullable=False),
        sa.Column("customer_id", sa.String(length=256), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("arm", sa.String(length=16), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("expected_net_value", sa.Float(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.Column("evidence", sa.String(length=32), nullable=False),
        sa.Column("why_not", sa.String(length=32), nullable=False),
        sa.Column("withheld", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["score_runs.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "customer_id"),
    )
    op.create_table(
        "scores",
        sa.Column("run_id", sa.String(length=160), nullable=False),
        sa.Column("customer_id", sa.String(length=256), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("churn_probability", sa.Float(), nullable=False),
        sa.Column("percentile", sa.Float(), nullable=False),
        sa.Column("band", sa.String(length=16), nullable=False),
        sa.Column("segment", sa.String(length=200), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("value_quadrant", sa.String(length=16), nullable=False),
        sa.Column("lifetime_value", sa.Float(), nullable=False),
        sa.Column("value_at_risk", sa.Float(), nullable=False),
        sa.Column("reason_1", sa.String(length=64), nullable=False),
        sa.Column("reason_2", sa.String(length=64), nullable=False),
        sa.Column("reason_3", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["score_runs.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "customer_id"),
    )
    op.create_index(
        "scores_by_risk", "scores", ["run_id", "eligible", "churn_probability", "customer_id"], unique=False
    )
    op.create_index("scores_by_value", "scores", ["run_id", "eligible", "value_at_risk", "customer_id"], unique=False)
    op.create_index(
        "scores_by_lifetime_value", "scores", ["run_id", "eligible", "lifetime_value", "customer_id"], unique=False
    )
    op.create_index(
        "scores_by_band_and_risk",
        "scores",
        ["run_id", "eligible", "band", "churn_probability", "customer_id"],
        unique=False,
    )
    op.create_index(
        "scores_by_band_and_value",
        "scores",
        ["run_id", "eligible", "band", "value_at_risk", "customer_id"],
        unique=False,
    )
    op.create_index(
        "scores_by_band_and_lifetime_value",
        "scores",
        ["run_id", "eligible", "band", "lifetime_value", "customer_id"],
        unique=False,
    )
    op.create_index("decisions_by_value", "decisions", ["run_id", "expected_net_value", "customer_id"], unique=False)


def downgrade() -> None:
    op.drop_index("decisions_by_value", table_name="decisions")
    op.drop_index("scores_by_band_and_lifetime_value", table_name="scores")
    op.drop_index("scores_by_band_and_value", table_name="scores")
    op.drop_index("scores_by_band_and_risk", table_name="scores")
    op.drop_index("scores_by_lifetime_value", table_name="scores")
    op.drop_index("scores_by_value", table_name="scores")
    op.drop_index("scores_by_risk", table_name="scores")
    op.drop_table("scores")
    op.drop_table("decisions")
    op.drop_index("score_runs_by_cutoff", table_name="score_runs")
    op.drop_table("score_runs")
    op.drop_table("audit")
    op.drop_table("api_keys")
