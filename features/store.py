"""Where things are kept on this machine: checked tables, vectors, bundles, MLflow, the ledger."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from features.refusal import Refusal


@dataclass(frozen=True)
class Store:
    """The folder that everything Holdfast writes lies in (`models/store` unless `HOLDFAST_STORE` says).

    `model_name` is what its bundles are registered as: `churn/7` is the seventh of `churn`.
    `environment` is where the addresses of databases that shops name are looked up; they hold passwords, so that it is
    shown nowhere.
    """

    root: Path
    ledger_url_setting: str | None = None
    mlflow_uri_setting: str | None = None
    model_name: str = "churn"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Store:
        """The store that `HOLDFAST_STORE`, `HOLDFAST_LEDGER_URL`, `MLFLOW_TRACKING_URI` and `HOLDFAST_MODEL` name."""
        here = Path(__file__).resolve().parents[1] / "models" / "store"
        return cls(
            Path(environment.get("HOLDFAST_STORE") or here).absolute(),
            environment.get("HOLDFAST_LEDGER_URL") or None,
            environment.get("MLFLOW_TRACKING_URI") or None,
            _model_name(environment.get("HOLDFAST_MODEL") or cls.model_name),
            environment,
        )

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def vectors(self) -> Path:
        return self.root / "vectors"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def monitor(self) -> Path:
        return self.root / "monitor"

    @property
    def last_monitoring(self) -> Path:
        return self.monitor / "latest.json"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def mlflow_uri(self) -> str:
        return self.mlflow_uri_setting or f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def ledger_url(self) -> str:
        return self.ledger_url_setting or f"sqlite:///{self.root / 'ledger.db'}"


def _model_name(name: str) -> str:
    if not re.fullmatch(r"[\w-]{1,64}", name):
        raise Refusal(
            "HF104", f"HOLDFAST_MODEL is {name!r}; letters, digits, _ and - make a name, up to 64.",
            "Name another, like: export HOLDFAST_MODEL=churn-north",
        )  # fmt: skip
    return name


def file_refusal(error: Exception) -> Refusal:
    """HF106 for an error that the system gave for a file: its name and what is wrong with it."""
    name, reason = getattr(error, "filename", None), getattr(error, "strerror", None)
    what = f"{name}: {reason}." if name and reason else f"{str(error).splitlines()[0].rstrip('.')}."
    return Refusal("HF106", what, "Look at its permissions, and at the space left on its disk.")


def local_store() -> Store:
    """The store of this process's environment. Only doors (commands, the service) call it."""
    return Store.from_environment(os.environ)


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A path to write a file or folder at; it takes `target`'s place only when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield beside
        if target.is_dir():
            old = target.with_name(f".{target.name}.old.{uuid.uuid4().hex[:8]}")
            target.rename(old)
            beside.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(beside, target)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
