"""The whole story by its commands, as a person runs it: a simulated shop to a churn list, each step told as JSON."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shell import Shell

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def shop(shell: Shell) -> str:
    """A simulated shop, checked, trained on, promoted and scored."""
    shell("init", "shop", "--example", "simulated")
    shell("check", "--shop", "shop")
    shell("train", "--shop", "shop")
    shell("promote", "--shop", "shop")
    shell("score", "--shop", "shop")
    return "shop"


def test_check_adds_up(shell: Shell, shop: str) -> None:
    found = shell("check", "--shop", shop)

    assert {"transactions", "customers", "interactions", "offers"} == {t["table"] for t in found["tables"]}
    for table in found["tables"]:
        assert table["read"] == table["used"] + table["quarantined"]


def test_the_judgment_has_the_shape_that_machines_read(shell: Shell, shop: str) -> None:
    found = shell("judge", "champion")

    assert found["bundle"] == "churn/1"
    assert len(found["cutoffs"]) == 3
    assert {"holdfast", "recency_rule", "rfm_logistic"} == set(found["models"])
    for measures in found["models"].values():
        names = {"auc", "average_precision", "lift_at_10", "brier", "log_loss", "calibration_error"}
        assert names <= set(measures)
        for value in measures.values():
            assert value["low"] <= value["high"]
            assert len(value["by_cutoff"]) == 3
            assert value["value"] == pytest.approx(sum(value["by_cutoff"]) / 3, abs=1e-5)
    assert found["paired"]["rfm_logistic"]["auc_difference"]["value"] == pytest.approx(
        found["models"]["holdfast"]["auc"]["value"] - found["models"]["rfm_logistic"]["auc"]["value"], abs=1e-5
    )
    assert found["grade"] in "ABCD"
    assert found["grade_because"]


def test_the_model_card_is_written_as_a_page_that_names_the_bundle(shell: Shell, shop: str) -> None:
    shell("judge", "champion", "--card", "card.html")
    text = (shell.folder / "card.html").read_text(encoding="utf-8")

    assert text.startswith("<!doctype html>")
    assert "Bundle churn/1" in text


def test_ours_is_better_than_the_recency_rule_on_the_simulated_shop(shell: Shell, shop: str) -> None:
    found = shell("judge", "champion")

    assert found["paired"]["recency_rule"]["auc_difference"]["low"] > 0
    assert 0.75 < found["models"]["holdfast"]["auc"]["value"] < 0.95


def test_a_score_run_has_the_shape_that_machines_read_and_repeats_without_doubling(shell: Shell, shop: str) -> None:
    first, second = (shell("score", "--shop", shop) for _ in range(2))

    assert {"vectors", "scores", "reasons", "decisions", "ledger"} <= set(first["seconds"])
    assert [] == first["warnings"]
    assert [first[k] for k in ("run", "customers", "eligible")] == [second[k] for k in ("run", "customers", "eligible")]


def test_the_churn_list_is_in_words_and_by_falling_risk(shell: Shell, shop: str) -> None:
    with (shell.folder / shop / "churn_list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))

    risks = [float(row["churn_probability"]) for row in rows]
    assert risks == sorted(risks, reverse=True)
    assert all(0 <= risk <= 1 for risk in risks)
    assert all(row["reason_1"].endswith(".") for row in rows[:50])
    assert {"treat", "control", "none"} >= {row["arm"] for row in rows}
    assert all((row["action"] != "no_action") == (row["arm"] == "treat") for row in rows)
    header = (
        "customer_id,churn_probability,band,percentile,segment,tier,value_quadrant,lifetime_value,reason_1,reason_2,"
        "reason_3,action,arm,expected_net_value,evidence,as_of,bundle,name,value_at_risk,why_not"
    )
    assert header.split(",") == list(rows[0])


def test_an_earlier_cutoff_can_be_scored_beside_today_s_and_an_impossible_one_is_refused(
    shell: Shell, shop: str
) -> None:
    known_until = shell("check", "--shop", shop)["known_until"]
    earlier = shell("score", "--shop", shop, "--cutoff", "2024-03-01")
    refused = shell("score", "--shop", shop, "--cutoff", "2031-01-01", expect=3)

    assert earlier["cutoff"] == "2024-03-01"
    assert earlier["churn_list"].endswith("churn_list_2024-03-01.csv"), "the list of today stays"
    assert refused["error"]["code"] == "HF206"
    assert known_until in refused["error"]["detail"]


def test_whoever_opted_out_has_no_probability(shell: Shell, shop: str) -> None:
    import pyarrow.parquet as pq

    customers = pq.read_table(shell.folder / shop / "customers.parquet")
    objecting = set(customers.filter(customers["profiling_opt_out"])["customer_id"].to_pylist())
    with (shell.folder / shop / "churn_list.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = {row["customer_id"] for row in csv.DictReader(file)}

    assert objecting
    assert not objecting & listed


def test_a_second_training_becomes_challenger_and_passes_the_gates(shell: Shell, shop: str) -> None:
    second = shell("train", "--shop", shop, "--trials", "0")["bundle"]
    promoted = shell("promote", second, "--shop", shop)

    assert all(gate["passed"] for gate in promoted["gates"])
    assert f"Grade {promoted['grade']}: " in shell.last_words
    assert second == shell("judge", "champion")["bundle"]
    assert second == shell("score", "--shop", shop)["bundle"]


def test_a_gate_that_is_not_passed_keeps_the_champion(shell: Shell, shop: str) -> None:
    study = shell.folder / shop / "study.toml"
    text = study.read_text(encoding="utf-8")
    before = shell("judge", "champion")["bundle"]
    study.write_text(text.replace("max_log_loss_worsening = 0.002", "max_log_loss_worsening = -1.0"), encoding="utf-8")
    try:
        refused = shell("promote", "churn/1", "--shop", shop, expect=3)
    finally:
        study.write_text(text, encoding="utf-8")

    assert refused["error"]["code"] == "HF304"
    assert before == shell("judge", "champion")["bundle"]


def test_monitor_compares_what_has_matured_once_and_says_that_it_flatters(shell: Shell, shop: str) -> None:
    """The champion had learned from the very days it is compared on."""
    shell("score", "--shop", shop, "--cutoff", "2024-04-29", "--churn-list", "earlier.csv")
    first, told = shell("monitor", "--shop", shop, "--exit-zero"), shell.last_words
    second = shell("monitor", "--shop", shop, "--exit-zero")
    [found] = [run for run in first["compared"] if run["cutoff"] == "2024-04-29"]

    assert "2024-05-27" == found["matures_on"]
    assert found["seen_in_training"] is True
    assert "flatters" in told
    everyone = found["everyone"]
    assert everyone["customers"] == sum(band["customers"] for band in found["bands"].values())
    assert everyone["interval"][0] <= everyone["actual"] <= everyone["interval"][1]
    assert not [run for run in first["compared"] if run["matures_on"] > first["known_until"]]
    assert [] == second["compared"]
    assert "Nothing new to compare" in shell.last_words
    assert first["matured"] == second["matured"]


def test_monitor_watches_the_newest_run_writes_a_page_and_keeps_how_it_stands(shell: Shell, shop: str) -> None:
    found = shell("monitor", "--shop", shop, "--report", "monitor.html", "--exit-zero")
    latest = json.loads((shell.folder / "store" / "monitor" / "latest.json").read_text(encoding="utf-8"))
    page = (shell.folder / "monitor.html").read_text(encoding="utf-8")

    newest = found["watched"][-1]
    assert newest["drift"]["customers"] == newest["eligible"] > 0
    assert {"severity", "run", "bundle", "cutoff", "because"} == set(latest)
    assert latest == {name: found[name] for name in latest}
    assert newest["run"] == latest["run"]
    assert "<script" not in page
    assert "http" not in page
    assert not re.search(r"\bC0\d{4}\b", page), "no customer is named"


def test_monitor_exits_by_severity_by_the_thresholds_of_the_study(shell: Shell, shop: str) -> None:
    study = shell.folder / shop / "study.toml"
    text = study.read_text(encoding="utf-8")
    touchy = "significance = 0.999\npsi_watch = 0.000001\npsi_alarm = 0.000002\ngain_share = 0.000001\n"
    try:
        before = text.partition("[monitor]")[0]
        study.write_text(f"{before}[monitor]\n{touchy}", encoding="utf-8")
        found = shell("monitor", "--shop", shop, expect=5)
    finally:
        study.write_text(text, encoding="utf-8")

    assert "alarm" == found["severity"]
    assert found["because"]


def test_monitor_watches_the_run_that_is_named_and_refuses_one_that_is_not_there(shell: Shell, shop: str) -> None:
    latest = shell.folder / "store" / "monitor" / "latest.json"
    before = latest.read_text(encoding="utf-8")
    earlier = shell("monitor", "--shop", shop, "--cutoff", "2024-04-29", "--exit-zero")
    named = shell("monitor", "--shop", shop, "--run", earlier["run"], "--exit-zero")
    refused = shell("monitor", "--shop", shop, "--cutoff", "2019-01-01", expect=3)["error"]

    assert ("2024-04-29", earlier["run"]) == (earlier["cutoff"], named["run"])
    assert before == latest.read_text(encoding="utf-8"), "how the newest run stands is not overwritten"
    assert "HF503" == refused["code"]
    assert earlier["run"] in refused["mend"]


def test_what_is_learned_as_on_an_earlier_day_knows_nothing_later_and_does_not_unseat_who_does(
    shell: Shell, shop: str
) -> None:
    before = shell("judge", "champion")["bundle"]
    early = shell("train", "--shop", shop, "--until", "2024-04-01", "--trials", "0")["bundle"]
    judged = shell("judge", early)
    refused = shell("promote", early, "--shop", shop, expect=3)

    assert "2024-03-04" == judged["cutoffs"][-1]  # whose 28 days end on that midnight
    assert judged["against_champion"] is None
    assert "HF304" == refused["error"]["code"]
    assert before == shell("judge", "champion")["bundle"]


def test_to_learn_as_on_a_day_of_which_too_little_is_known_is_refused(shell: Shell, shop: str) -> None:
    for day, code in (("2031-01-01", "HF206"), ("2023-05-01", "HF303")):
        refused = shell("train", "--shop", shop, "--until", day, expect=3)
        assert (code, True) == (refused["error"]["code"], "--until" in str(refused["error"]))


def test_another_shop_neither_promotes_nor_scores_with_this_ones_bundle(shell: Shell, shop: str) -> None:
    """One store is one shop's: a second shop is told to keep its own."""
    shell("init", "it's another", "--example", "simulated")
    file = shell.folder / "it's another" / "shop.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('name = "', 'name = "other-', 1), encoding="utf-8")
    before = shell("judge", "latest")["bundle"]
    for command in ("train", "promote", "score"):
        refused = shell(command, "--shop", "it's another", expect=3)["error"]
        assert "HF406" == refused["code"]
        assert "export HOLDFAST_STORE='" in refused["mend"]
    assert before == shell("judge", "latest")["bundle"], "nothing of another shop was registered"


def test_a_shop_is_named_after_its_folder(shell: Shell) -> None:
    shell("init", "Mia's Tea Shop")

    assert "--shop 'Mia'" in shell.last_words
    assert 'name = "Mia-s-Tea-Shop"' in (shell.folder / "Mia's Tea Shop" / "shop.toml").read_text(encoding="utf-8")


def test_unknown_bundles_are_told(shell: Shell, shop: str) -> None:
    for name in ("chalenger", "churn/99"):
        refused = shell("promote", name, "--shop", shop, expect=3)
        assert refused["error"]["code"] == "HF404"
        assert name in refused["error"]["detail"]


def test_before_training_there_is_no_store_and_no_bundle(tmp_path: Path) -> None:
    fresh = Shell(tmp_path)
    fresh("init", "shop", "--example", "simulated")

    assert fresh("judge", expect=3)["error"]["code"] == "HF405"
    assert fresh("score", "--shop", "shop", expect=3)["error"]["code"] == "HF401"
    assert fresh("init", "shop", expect=3)["error"]["code"] == "HF105"


def test_an_mlflow_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    lost = Shell(tmp_path)
    lost.environment |= {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

    assert lost("judge", expect=3)["error"]["code"] == "HF405"


def test_the_bundle_scores_where_training_cannot_be_imported(shell: Shell, shop: str, tmp_path: Path) -> None:
    """Rooms of the present are copied alone; mlflow, pandas, scikit-learn and shap are made unimportable."""
    for room in ("features", "models", "serving"):
        (tmp_path / room).symlink_to(ROOT / room)
    script = (
        "import sys\n"
        "for name in ('training', 'mlflow', 'pandas', 'sklearn', 'shap'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from models.published import current_bundle\n"
        f"bundle = current_bundle(Path({str(shell.folder / 'store' / 'bundles')!r}))\n"
        "import numpy as np\n"
        "X = np.zeros((1, len(bundle.model.features)))\n"
        "pushes, base = bundle.model.contributions(X)\n"
        "assert abs(base + pushes.sum() - bundle.model.log_odds(X)[0]) < 1e-6\n"
        "print(bundle.id)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("churn/")


def test_mlflow_serves_the_same_probabilities(shell: Shell, shop: str) -> None:
    """The Booster in MLflow's own flavour, loaded by alias without pickle, says what the bundle says."""
    script = (
        "import os, numpy as np, pandas as pd\n"
        "from pathlib import Path\n"
        "from features.store import local_store\n"
        "from training.registry import Registry\n"
        "from models.published import current_bundle\n"
        "import mlflow\n"
        "store = local_store(); Registry(store).champion()\n"
        "bundle = current_bundle(store.bundles)\n"
        "X = pd.DataFrame(np.random.default_rng(0).normal(5, 5, (20, len(bundle.model.features))),"
        " columns=bundle.model.features)\n"
        "theirs = mlflow.pyfunc.load_model('models:/churn@champion').predict(X)\n"
        "assert np.allclose(theirs, bundle.model.probability(X.to_numpy()), atol=1e-12)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=shell.folder, env=shell.environment, capture_output=True, text=True, check=False
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.soak
def test_the_demo_may_be_told_where_the_champion_knows_the_quarter_already(shell: Shell, shop: str) -> None:
    """It then goes on from today; this is also how it runs a second time."""
    before = shell("judge", "champion")["bundle"]
    told = shell("demo", "--example", "simulated", "--no-serve", "--folder", shop)

    assert [] == told["past"]
    assert before != shell("judge", "champion")["bundle"]
