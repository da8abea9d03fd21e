#!/usr/bin/env bash
# Makes .venv and installs the pinned requirements, once. What wants an environment of its
# own, as requirements-beam.txt, gets another one by VENV.
#
#   [PYTHON=python3.12] [VENV=.venv] scripts/setup.sh [requirements-dev.txt]
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
requirements=${1:-requirements.txt}
venv=${VENV:-.venv}

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
if [ ! -x "$venv/bin/python" ]; then
  for python in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if "$python" -c "$supported" 2>/dev/null; then
      echo "Making $venv with $("$python" --version)"
      "$python" -m venv "$venv" || { rm -rf "$venv"; exit 1; }
      break
    fi
  done
fi
if ! "$venv/bin/python" -c "$supported" 2>/dev/null; then
  echo "setup.sh: expected Python 3.11, 3.12 or 3.13 (with venv), found none" >&2
  exit 1
fi

wanted=$(cat requirements*.txt | cksum)
stamp=$venv/installed-$requirements
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  echo "Installing $requirements, which may take minutes"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  echo "$wanted" >"$stamp"
fi
