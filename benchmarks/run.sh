#!/usr/bin/env bash
# Compares the toolkit's models with dlib's regression trees and MediaPipe's face mesh, on
# the validation side of a folder of patches. Training the trees takes half an hour.
#
#   benchmarks/run.sh DATA_PATH WRITE_DIR MODEL.tflite...
set -euo pipefail
usage="usage: $0 DATA_PATH WRITE_DIR MODEL.tflite..."
data_path=${1:?$usage} write_dir=${2:?$usage} model=${3:?$usage}
shift 2
project=$(dirname "$0")/..
environment=$project/.venv-benchmarks
requirements=$project/benchmarks/requirements.txt

if [ ! -e "$environment/installed" ] || ! cmp -s "$requirements" "$environment/installed"; then
  "${PYTHON:-python3.11}" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$environment/installed"
fi
# The mesh is talkative.
GLOG_minloglevel=2 TF_CPP_MIN_LOG_LEVEL=2 PYTHONPATH=$project "$environment/bin/python" -m benchmarks.compare \
  --data_path="$data_path" --write_dir="$write_dir" "$@"
