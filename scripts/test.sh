#!/usr/bin/env bash
# Sets up for development, then lints and tests in two processes. Arguments go to pytest.
#
#   scripts/test.sh [-m slow]
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
scripts/setup.sh requirements-dev.txt
VENV=.venv-beam scripts/setup.sh requirements-beam.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# A process has one of two cores; tests of a file share what they have trained.
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
.venv/bin/python -m pytest -n 2 --dist=loadfile "$@"
