"""What pyproject.toml cannot tell pip: which OpenCV to require, and the models' place.

Reads: what is installed where pip installs to, and pretrained/.
Writes: nothing into the source tree; the build lies in a temporary folder, so that no
file of an older one gets into a wheel.

    python -m pip install .
"""

import subprocess
import sys
import tempfile

from setuptools import find_packages, setup

# They all bring the same folder cv2: of two, the second breaks the first.
_OPENCVS = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
_VERSIONS = ">=4.10,<6"
# Pip hides the environment from what builds, by variables that -E does not heed.
_LIST = """
import importlib.metadata, importlib.util
for found in importlib.metadata.distributions():
    print(found.metadata["Name"])
if importlib.util.find_spec("cv2"):
    print("cv2")
"""


def list_installed(python):
    """Returns what an interpreter's environment has: names of distributions, `cv2`."""
    command = [python, "-E", "-c", _LIST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.lower().replace("_", "-") for name in done.stdout.split()}


def choose_opencv(installed):
    """Returns the requirements, list of str, that bring OpenCV, but no second one.

    Args:
        installed: set of str, of `list_installed`.
    """
    there = [name for name in _OPENCVS if name in installed]
    if there:
        return [there[0] + _VERSIONS]
    # A cv2 that belongs to no distribution was built by hand, or by the system.
    return [] if "cv2" in installed else [f"opencv-python-headless{_VERSIONS}"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        setup(
            packages=[
                *find_packages(include=["landmark", "landmark.*"]),
                "landmark.weights",
            ],
            package_dir={"landmark.weights": "pretrained"},
            package_data={
                "landmark": ["py.typed"],
                "landmark.face": ["schemes/*.txt"],
                "landmark.weights": [
                    *("README.md", "*/README.md"),
                    *("*/*.tflite", "*/reference.*"),
                ],
            },
            include_package_data=False,
            install_requires=[
                *("ai-edge-litert>=2.1,<3", "av>=17,<20"),
                *("numpy>=2.0,<3", "pillow>=11"),
                *choose_opencv(list_installed(sys.executable)),
            ],
            options={
                "build": {"build_base": folder},
                "egg_info": {"egg_base": folder},
            },
        )
