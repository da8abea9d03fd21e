#!/usr/bin/env bash
# Tests the page of preview_on_phone.py in Chromium without a window, with a drawn clip as
# its camera. Debian's Chromium is installed if there is none and we may. Arguments go to
# pytest.
#
#   scripts/test_web.sh [-k photo]
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
scripts/setup.sh requirements-dev.txt
scripts/setup_web.sh
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "test_web.sh: expected Chromium, found none; sudo apt-get install chromium" >&2
    exit 1
  fi
  apt-get update -q && apt-get install -qy chromium
fi
.venv/bin/python -m pytest -m "slow or not slow" \
  tests/web tests/test_page.py tests/test_page_in_browser.py tests/test_preview_on_phone.py "$@"
