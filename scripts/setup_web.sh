#!/usr/bin/env bash
# Installs what preview_on_phone.py needs: LiteRT.js for the page, as web/package-lock.json
# pins it, and the packages of requirements-web.txt.
#
#   scripts/setup_web.sh
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
  echo "setup_web.sh: expected npm, which comes with Node.js (apt-get install npm), found none" >&2
  exit 1
fi
scripts/setup.sh requirements-web.txt
npm ci --prefix web --ignore-scripts --no-audit --no-fund
