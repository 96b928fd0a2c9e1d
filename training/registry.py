"""The MLflow registry: a run with everything, a registered version, aliases, and publishing for serving.

MLflow's home is this file. Bundles are plain files among a run's artifacts; the model itself is logged too, as a
Booster in MLflow's LightGBM flavour, so that `mlflow models serve` gives the same probabilities.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import lightgbm as lgb
import mlflow
from matplotlib.figure import Figure
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.types.schema import ColSpec, Schema
from requests.exceptions import RequestException

from features.lock import held
from features.refusal import Refusal
from features.store import Store
from models.bundle import Bundle, load_bundle
from models.published import is_served, place, point, point_back
from training.card_page import card_page

CHAMPION, CHALLENGER = "champion", "challenger"
CARD = "card.html"
_WAS_CHAMPION, _TURNED_AWAY, _SHOP = "was_champion", "turned_away", "shop"
_WAITED_SECONDS = 120.0
_DEAD_AFTER_MS = 3_600_000  # a run is logged within a minute: one still running after an hour is of a process that died


@dataclass(frozen=True)
class Version:
    """A registered bundle.

    Attributes
    ----------
    was_champion
        Whether it is or has been published as champion.
    turned_away
        The gates that it did not pass when it last met them; empty where it has passed them since, or has met none.
    """

    bundle_id: str
    run_id: str
    was_champion: bool
    turned_away: str = ""

    @property
    def number(self) -> str:
        return self.bundle_id.partition("/")[2]


class Registry:
    """The registry of a store, or of the server that `MLFLOW_TRACKING_URI` names.

    One registered model is of one shop. Shops that share a server each have their own (`HOLDFAST_MODEL`).

    Raises
    ------
    Refusal
        HF405 from every method where MLflow cannot be reached; HF404 for a version or alias it does not know.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.model = store, store.model_name
        self.local = store.mlflow_uri_setting is None

    @property
    def exists(self) -> bool:
        """Whether anything may have been registered: a local store begins with the first training."""
        return not self.local or (self.store.mlflow / "mlflow.db").exists()

    def register(
        self, shop: str, bundle: Bundle, parameters: Mapping[str, Any], metrics: Mapping[str, float],
        judgment: Mapping[str, Any], figures: Mapping[str, Figure], tags: Mapping[str, str],
    ) -> str:  # fmt: skip
        """Log one run with all of it, register the model, and call it challenger; the bundle's id.

        A run that breaks off is marked as failed, now or by the next one, and no version is made of it; a version that
        could not be made whole is taken back, as long as MLflow answers.

        Raises
        ------
        Refusal
            HF406 where what bundles are registered as is another shop's.
        """
        with self.alone(), self._reached(create=True) as client, tempfile.TemporaryDirectory() as folder:
            self.require_own(shop)
            bundle.write(Path(folder) / "bundle")
            experiment = self._experiment(client, shop)
            mlflow.set_experiment(experiment_id=experiment)
            with mlflow.start_run(tags=dict(tags)) as run:
                _fail_abandoned(client, experiment, run.info.start_time)
                mlflow.log_params(dict(parameters))
                mlflow.log_metrics(dict(metrics))
                asked = {"shop": shop, "definition": asdict(bundle.definition)}
                mlflow.log_dict({**judgment, **asked}, "judgment.json")
                for name, figure in figures.items():
                    mlflow.log_figure(figure, f"plots/{name}.png")
                mlflow.log_artifacts(str(Path(folder) / "bundle"), "bundle")
                logged = mlflow.lightgbm.log_model(
                    lgb.Booster(model_str=bundle.model.text),
                    name=self.model,
                    signature=ModelSignature(
                        Schema([ColSpec("double", name) for name in bundle.model.features]),
                        Schema([ColSpec("double", "churn_probability")]),
                    ),
                    pip_requirements=[f"lightgbm=={lgb.__version__}"],
                )
            # only now that the run is whole, so that no version is of half a run
            with redirect_stderr(StringIO()):  # where it says, as for all models, that there are versions already
                made = mlflow.register_model(
                    logged.model_uri, self.model, await_registration_for=0,
                    tags={"run_id": run.info.run_id, _SHOP: shop},
                )  # fmt: skip
            version = str(made.version)
            try:
                client.log_text(run.info.run_id, card_page(bundle, f"{self.model}/{version}"), CARD)
                client.set_registered_model_alias(self.model, CHALLENGER, version)
            except BaseException:
                with suppress(MlflowException, RequestException):
                    client.delete_model_version(self.model, version)
                raise
        return f"{self.model}/{version}"

    def require_own(self, shop: str) -> None:
        """Refuse (HF406) what bundles are registered as here, if these are another shop's; so before learning for long."""
        if not self.exists:
            return
        with self._reached() as client:
            latest = _latest(self._versions(client))
        if latest is None:
            return
        theirs = latest.tags.get(_SHOP) or self.judgment(self._version(latest))["shop"]  # older ones bear no tag
        if theirs != shop:
            raise Refusal(
                "HF406", f"{self.model} holds bundles of the shop {theirs!r}, not of {shop!r}.",
                "Give each shop a store of its own (HOLDFAST_STORE); on a server that they share, a registered model too,"
                f" like: export HOLDFAST_MODEL={self.model}-{shop}",
            )  # fmt: skip

    def version(self, name: str) -> Version:
        """The version that `name` means: an alias, `churn/7` or `7`, or `latest`."""
        with self._reached() as client:
            try:
                if name == "latest":
                    found = _latest(self._versions(client))
                    if found is None:
                        raise self._unknown(name)
                elif name.removeprefix(f"{self.model}/").isdigit():
                    found = client.get_model_version(self.model, name.removeprefix(f"{self.model}/"))
                else:
                    found = client.get_model_version_by_alias(self.model, name)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                    raise self._unknown(name) from None
                raise
        return self._version(found)

    def latest_in_vain(self, champion: str) -> Version | None:
        """The latest version that the gates have turned away or, where there is a champion, that was one and was taken back.

        Parameters
        ----------
        champion
            The bundle that is served; earlier versions do not count. Empty where none is.
        """
        model, _, number = champion.partition("/")
        tags, after = {_TURNED_AWAY}, 0
        if model == self.model:
            tags, after = tags | {_WAS_CHAMPION}, int(number)
        with self._reached() as client:
            found = _latest(v for v in self._versions(client) if tags & v.tags.keys() and _number(v) > after)
        return self._version(found) if found else None

    def champion(self) -> Version | None:
        """The present champion, or None."""
        try:
            return self.version(CHAMPION)
        except Refusal as refusal:
            if refusal.code == "HF404":
                return None
            raise

    def judgment(self, version: Version) -> dict[str, Any]:
        """How the version was judged, as `holdfast judge --json` prints it."""
        with self._reached():
            found: dict[str, Any] = json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/judgment.json"))
        return {**found, "bundle": version.bundle_id}

    def card(self, version: Version) -> dict[str, Any]:
        """The version's model card, as it lies in its bundle."""
        with self._reached():
            found: dict[str, Any] = json.loads(mlflow.artifacts.load_text(f"runs:/{version.run_id}/bundle/card.json"))
        return found

    def card_page(self, version: Version) -> str:
        """The version's model card as a page.

        Raises
        ------
        Refusal
            HF404 where the version has none: an older Holdfast knew no such page.
        """
        with self._reached() as client:
            if CARD not in {file.path for file in client.list_artifacts(version.run_id)}:
                raise Refusal(
                    "HF404", f"{version.bundle_id} has no model card as a page, as those that an older Holdfast registered.",
                    "Learn again with: holdfast train",
                )  # fmt: skip
            return str(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{CARD}"))

    def bundle(self, version: Version) -> Bundle:
        """The version's bundle, loaded; not published."""
        with self._fetched(version) as folder:
            return load_bundle(folder, version.bundle_id)

    def publish(self, version: Version, back: bool = False) -> Path:
        """Fetch the version's bundle, place it, make it the champion, and only then have it served.

        Parameters
        ----------
        back
            Whether this goes back to a former champion, so that those after it are no longer former ones.
        """
        with self._reached() as client, self._fetched(version) as folder:
            target = place(folder, self.store.bundles, version.bundle_id)
            former = self.champion()
            client.set_registered_model_alias(self.model, CHAMPION, version.number)
            try:
                (point_back if back else point)(self.store.bundles, version.bundle_id)
            except BaseException:
                if is_served(self.store.bundles, version.bundle_id):
                    raise
                if former:
                    client.set_registered_model_alias(self.model, CHAMPION, former.number)
                else:
                    client.delete_registered_model_alias(self.model, CHAMPION)
                raise
            client.set_model_version_tag(self.model, version.number, _WAS_CHAMPION, "yes")
            if version.turned_away:
                client.delete_model_version_tag(self.model, version.number, _TURNED_AWAY)
        return target

    def turn_away(self, version: Version, gates: Iterable[str]) -> None:
        """Note at a version which gates it did not pass."""
        with self._reached() as client:
            client.set_model_version_tag(self.model, version.number, _TURNED_AWAY, "; ".join(gates))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else of this store registers, promotes or goes back meanwhile; HF407 where someone does so for long."""
        with held(self.store.root / "registry.lock", "registering or promoting a bundle", _WAITED_SECONDS):
            yield

    @contextmanager
    def _fetched(self, version: Version) -> Iterator[Path]:
        with self._reached(), tempfile.TemporaryDirectory() as folder:
            yield Path(
                mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="bundle", dst_path=folder)
            )

    @contextmanager
    def _reached(self, create: bool = False) -> Iterator[mlflow.MlflowClient]:
        uri = self.store.mlflow_uri
        if not create and not self.exists:
            raise Refusal("HF405", f"there is no MLflow store in {self.store.mlflow}.", "Run: holdfast train")
        if self.local:
            self.store.mlflow.mkdir(parents=True, exist_ok=True)
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told below, once
        try:
            mlflow.set_tracking_uri(uri)
            yield mlflow.MlflowClient(uri)
        except (MlflowException, RequestException) as error:  # artifacts go over HTTP without MLflow's own errors
            raise Refusal(
                "HF405", f"the MLflow store {uri} answers: {_said(error)}",
                "Is it running, is there space on its disk, and is MLFLOW_TRACKING_URI right?",
            ) from error  # fmt: skip

    def _version(self, found: ModelVersion) -> Version:
        run_id = found.run_id or found.tags["run_id"]
        tags = found.tags
        return Version(f"{self.model}/{found.version}", run_id, _WAS_CHAMPION in tags, tags.get(_TURNED_AWAY, ""))

    def _versions(self, client: mlflow.MlflowClient) -> list[ModelVersion]:
        return list(client.search_model_versions(f"name='{self.model}'"))

    def _unknown(self, name: str) -> Refusal:
        return Refusal(
            "HF404", f"the registry knows no bundle {name!r}.",
            f"Name an alias ({CHAMPION}, {CHALLENGER}), a version like {self.model}/7, or latest; holdfast train makes one.",
        )  # fmt: skip

    def _experiment(self, client: mlflow.MlflowClient, shop: str) -> str:
        name = f"holdfast/{shop}"
        known = client.get_experiment_by_name(name)
        if known:
            return str(known.experiment_id)
        # a database alone keeps no files: without a place they would lie wherever this process was started
        is_database = self.store.mlflow_uri.startswith(tuple(DATABASE_ENGINES))
        place = (self.store.mlflow / "artifacts").as_uri() if is_database else None
        return str(client.create_experiment(name, artifact_location=place))


def _number(version: ModelVersion) -> int:
    return int(version.version)


def _latest(versions: Iterable[ModelVersion]) -> ModelVersion | None:
    return max(versions, key=_number, default=None)


def _fail_abandoned(client: mlflow.MlflowClient, experiment: str, started_ms: int) -> None:
    """End the runs of processes that died, or that lost MLflow in the middle, as failed; nothing was registered of them."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if run.info.start_time < started_ms - _DEAD_AFTER_MS:
            client.set_terminated(run.info.run_id, "FAILED")


def _said(error: Exception) -> str:
    """The first line that tells something; SQLAlchemy may begin with how it came to ask."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("(raised as a result")]
    return lines[0] if lines else type(error).__name__
