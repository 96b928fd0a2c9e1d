#!/usr/bin/env bash
# What the tests of the web page need besides Python: Chromium, a Chinese font and axe-core. It ends well whatever is
# missing and says how to get it; a second run has nothing to do.
set -uo pipefail
cd "$(dirname "$0")/../.."

AXE=axe-core@4.14.1
AXE_FOLDER=.venv/axe
FOUND=.venv/.browser # the path of Chromium, which tests/chromium.py reads, and the pin of axe-core

if [[ -r $FOUND ]]; then
  { read -r path; read -r axe; } <"$FOUND"
  [[ ${HOLDFAST_CHROMIUM:-$path} == "$path" && -x $path && $axe == "$AXE" ]] && exit 0
fi

say() { printf 'browser: %s\n' "$*"; }

runs() { [[ -x $1 ]] && "$1" --version </dev/null >/dev/null 2>&1; } # Ubuntu's chromium-browser may only name its snap

browser_path() {
  local name path
  if [[ -n ${HOLDFAST_CHROMIUM:-} ]]; then
    runs "$HOLDFAST_CHROMIUM" && echo "$HOLDFAST_CHROMIUM"
    return
  fi
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    path=$(type -P "$name") && runs "$path" && echo "$path" && return
  done
  path=$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    print(p.chromium.executable_path)' 2>/dev/null) && runs "$path" && echo "$path"
}

draws_chinese() { [[ $OSTYPE != linux* || -n $(fc-list :lang=zh family 2>/dev/null) ]]; }

has_axe() { [[ -r $AXE_FOLDER/node_modules/axe-core/axe.min.js ]] &&
  grep -q "\"version\": \"${AXE#*@}\"" $AXE_FOLDER/node_modules/axe-core/package.json; }

with_apt_get() {
  [[ $EUID == 0 && -e /etc/debian_version ]] && type -P apt-get >/dev/null || return
  say "installing with apt-get: $* ..."
  local log apt=(apt-get -o DPkg::Lock::Timeout=120)
  log=$({ "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "$@"; } \
    </dev/null 2>&1) || tail -n 3 <<<"$log"
}

path=$(browser_path)
packages=()
[[ -n $path || -n ${HOLDFAST_CHROMIUM:-} ]] || packages+=(chromium fontconfig)
draws_chinese || packages+=(fonts-liberation fonts-wqy-microhei) # the first for the Latin letters beside it
((${#packages[@]})) && with_apt_get "${packages[@]}" && path=$(browser_path)
if [[ -z $path && -z ${HOLDFAST_CHROMIUM:-} ]]; then
  say "fetching Playwright's own Chromium ..."
  .venv/bin/python -m playwright install chromium </dev/null >/dev/null 2>&1
  path=$(browser_path)
fi
if [[ -z $path && -n ${HOLDFAST_CHROMIUM:-} ]]; then
  say "HOLDFAST_CHROMIUM is $HOLDFAST_CHROMIUM, which does not run; name a Chromium or Chrome, or unset it."
elif [[ -z $path ]]; then
  say "no Chromium. Debian: apt-get install chromium; elsewhere: .venv/bin/python -m playwright install chromium;"
  say "or name one: HOLDFAST_CHROMIUM=/path/to/chrome make test. Until then the tests of the web page are skipped."
fi
draws_chinese || say "no Chinese font. Debian: apt-get install fonts-wqy-microhei. Until then pictures show boxes."

if ! has_axe && type -P npm >/dev/null; then
  say "fetching $AXE with npm ..."
  log=$(npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    --prefix $AXE_FOLDER $AXE </dev/null 2>&1) || tail -n 3 <<<"$log"
fi
has_axe || { AXE=; say "no axe-core. It comes with npm (Debian: apt-get install npm): make browser."; }

rm -f "$FOUND"
[[ -z $path ]] || printf '%s\n%s\n' "$path" "$AXE" >"$FOUND"
exit 0
