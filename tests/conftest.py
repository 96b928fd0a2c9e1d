"""Shops to test on: one simulated, and any number written by hand."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from chromium import browser  # noqa: F401 - a fixture
from demo_shop import demo_shop  # noqa: F401 - a fixture
from hypothesis import settings
from parity import complete_journey_question, example_question, motley_question  # noqa: F401 - fixtures
from registered import registry, unpublished  # noqa: F401 - fixtures
from running_service import ServedShop, build_bento, running, scored_shop
from servers import postgres_url, spark  # noqa: F401 - fixtures

from features.check import check_tables
from features.checked import CheckedTables
from features.console import Stopwatch
from features.example_shop import ExampleShop, simulate, write_example_shop
from features.shop import Shop, read_shop
from features.store import Store
from models.ledger import Ledger
from training.study import Study
from training.train import Trained, fit_bundle

settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("unhurried")
pytest.register_assert_rewrite("by_hand", "running_notebook")  # their assertions explain themselves as a test's do

# Before any test imports BentoML or MLflow: no telemetry, and never the machine's own store.
os.environ["BENTOML_DO_NOT_TRACK"] = "true"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
for _name in ("HOLDFAST_LEDGER_URL", "HOLDFAST_POSTGRES_URL", "MLFLOW_TRACKING_URI", "HOLDFAST_SECRET_KEY"):
    os.environ.pop(_name, None)

TODAY = date(2025, 6, 1)
"""The day on which the tests take place; the example shop ends before it."""


LONGEST = ("test_demo", "test_story", "test_readme", "test_notebooks", "test_other_shops", "test_service", "test_spark")
"""The files that take minutes; begun last, each would keep one worker busy while the other has nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, each as whole as it was collected."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _safe_environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What reads the environment finds a store that is thrown away."""
    os.environ["HOLDFAST_STORE"] = str(tmp_path_factory.mktemp("environment") / "store")


@pytest.fixture(autouse=True)
def _own_mlflow() -> Iterator[None]:
    """MLflow names the store it works on in the environment, and what a later test starts would work there too."""
    yield
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="session")
def example() -> ExampleShop:
    """800 simulated customers over 420 days, with their truth."""
    return simulate(customers=800, days=420, seed=7)


@pytest.fixture(scope="session")
def example_folder(example: ExampleShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example's shop.toml and Parquet files."""
    folder = tmp_path_factory.mktemp("example") / "shop"
    write_example_shop(folder, example)
    return folder


@pytest.fixture(scope="session")
def shop(example_folder: Path) -> Shop:
    """The example's `shop.toml`, read."""
    return read_shop(example_folder)


@pytest.fixture(scope="session")
def example_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store that the example's checked tables lie in, shared by the session."""
    return Store(tmp_path_factory.mktemp("example_store"))


@pytest.fixture(scope="session")
def checked(example_folder: Path, example_store: Store) -> CheckedTables:
    """The example shop's checked tables."""
    return check_tables(read_shop(example_folder), example_store, TODAY)


@pytest.fixture(scope="session")
def study() -> Study:
    """A study small enough for the example shop, and quick."""
    return Study.model_validate(
        {
            "cutoffs": {"judged": 2},
            "fit": {"trees": 60, "learning_rate": 0.1, "min_customers_in_leaf": 20},
            "tune": {"trials": 0},
            "interval": {"fits": 5},
            "segments": {"fewest": 3, "most": 4},
            "judge": {"reason_refits": 2},
            "value": {"trees": 60},
            "minimums": {"customers": 100, "churners": 5},
        }
    )


@pytest.fixture(scope="session")
def trained(example_folder: Path, checked: CheckedTables, example_store: Store, study: Study) -> Trained:
    """A bundle fitted on the example shop, with its judgment; nothing is registered."""
    return fit_bundle(read_shop(example_folder), study, checked, example_store, Stopwatch())


@pytest.fixture(scope="session")
def bundle_folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained bundle's files."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    trained.bundle.write(folder)
    return folder


@pytest.fixture(scope="session")
def served(
    example_folder: Path, checked: CheckedTables, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedShop]:
    """The example shop, scored and served on a real port; for slow tests."""
    folder = tmp_path_factory.mktemp("served")
    with running(scored_shop(folder, example_folder, checked, bundle_folder)) as shop:
        yield shop


@pytest.fixture(scope="session")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bento built without a network; for slow tests."""
    return build_bento(tmp_path_factory.mktemp("bento"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger of this version."""
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    made.migrate()
    yield made
    made.close()


Rows = Iterable[Mapping[str, Any]]


@pytest.fixture
def tiny_shop(tmp_path: Path) -> Callable[..., Shop]:
    """A maker of shops: CSV files with the given rows, whose keys are the columns.

    `attributes` names the customers' columns that are attributes; `top` are lines for the head of shop.toml, `more`
    for its [tables.transactions].
    """

    def write(
        transactions: Rows, *, attributes: Iterable[str] = (), top: str = "", more: str = "", **others: Rows
    ) -> Shop:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        tables = {"transactions": list(transactions), **{name: list(rows) for name, rows in others.items()}}
        text = ['name = "tiny"', 'currency = "EUR"', top, "[files]"]
        text += [f'{name} = "{name}.csv"' for name in tables]
        for name, rows in tables.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            columns = columns or ["customer_id", "timestamp", "amount"]
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
            text += [f"[tables.{name}]", f'from = "{name}"', more if name == "transactions" else ""]
            text += [f"[tables.{name}.columns]"]
            text += [f'{column} = "{column}"' for column in columns if column not in attributes]
        if attributes:
            text += ["[tables.customers.attributes]", *(f'{name} = "{name}"' for name in attributes)]
        (folder / "shop.toml").write_text("\n".join(text), encoding="utf-8")
        return read_shop(folder)

    return write
