#!/usr/bin/env bash
# Runs the models that come with the toolkit on an emulated 64-bit Arm processor, and
# compares them with their reference.json.
#
#   scripts/check_arm.sh [FOLDER]
#
# FOLDER, runs/arm unless given, gets 120 MB: Debian's qemu-user-static, and Python 3.11
# with its libraries for arm64, unpacked side by side; nothing is installed. It wants
# Debian 12 or what has its packages (apt-get, dpkg-deb), and .venv of scripts/setup.sh.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
folder=$(realpath -m "${1:-runs/arm}")

for program in apt-get dpkg-deb .venv/bin/python; do
  if ! command -v "$program" >/dev/null; then
    echo "check_arm.sh: expected $program, found none" >&2
    exit 1
  fi
done

# The last runtime for Arm that qemu 7.2 runs: ai-edge-litert 2.3.0 crashes in it.
runtime="tflite-runtime==2.14.0 numpy==1.26.4"
packages="python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1
  libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5"
if [ ! -e "$folder/done" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"/{state/lists/partial,cache/archives/partial,debs,wheels,root,site}
  # Lists of its own: those of this machine stay as they are.
  apt="apt-get -qq -o Dir::State=$folder/state -o Dir::State::status=$folder/state/status
    -o Dir::Cache=$folder/cache -o APT::Sandbox::User=root"
  touch "$folder/state/status"
  (
    cd "$folder/debs"
    $apt update
    $apt download qemu-user-static
    arm="$apt -o APT::Architecture=arm64 -o APT::Architectures=arm64"
    $arm update
    $arm download $packages
    dpkg-deb --fsys-tarfile qemu-user-static_*.deb |
      tar --extract --directory="$folder" --strip-components=3 ./usr/bin/qemu-aarch64-static
    for deb in *_arm64.deb; do dpkg-deb -x "$deb" "$folder/root"; done
  )
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --python-version 3.11 --platform manylinux2014_aarch64 \
    --platform manylinux_2_34_aarch64 --dest "$folder/wheels" $runtime
  for wheel in "$folder"/wheels/*.whl; do
    .venv/bin/python -m zipfile -e "$wheel" "$folder/site"
  done
  rm -rf "$folder"/{state,cache,debs,wheels}
  touch "$folder/done"
fi

# Arm's Python has no Pillow: the patches go over as arrays.
.venv/bin/python - "$folder" <<'EOF'
import pathlib, sys
import numpy as np
from landmark.files.photos import read_image

for path in pathlib.Path("pretrained").glob("*/reference.png"):
    np.save(pathlib.Path(sys.argv[1], f"{path.parent.name}.npy"), read_image(path))
EOF
PYTHONPATH=$folder/site "$folder/qemu-aarch64-static" -L "$folder/root" \
  "$folder/root/usr/bin/python3.11" - "$folder" <<'EOF'
import json, pathlib, platform, sys
import numpy as np
import tflite_runtime
from tflite_runtime.interpreter import Interpreter

print(f"{platform.machine()}, tflite-runtime {tflite_runtime.__version__}")
print("largest difference from reference.json, points and spread, in crop units")
failed = False
for path in sorted(pathlib.Path("pretrained").glob("landmark_*/*.tflite")):
    expected = json.loads(path.with_name("reference.json").read_text())[path.name]
    patch = np.load(pathlib.Path(sys.argv[1], f"{path.parent.name}.npy"))[None]
    run = Interpreter(str(path)).get_signature_runner()
    if run.get_input_details()["image"]["dtype"] == np.float32:
        patch = (patch.astype(np.float32) - 128) / 128
    found = run(image=patch)
    differences = [
        np.abs(found[name].ravel() - values).max() for name, values in expected.items()
    ]
    failed |= max(differences) > (1e-3 if "float" in path.name else 0.01)
    print(*(f"{difference:8.1e}" for difference in differences), path)
if failed:
    sys.exit("check_arm.sh: expected at most 1e-3 of float, 0.01 of 8 bits, found more")
EOF
