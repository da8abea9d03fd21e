r"""Copies a folder of patches and marks some of their points as missing, by chance.

Reads: FOLDER, of extract_landmark_training_data.py.
Writes: OUT_FOLDER, the same with a share of all points missing.

    python -m benchmarks.drop_points patches patches_missing 0.2
"""

import shutil
from pathlib import Path

import numpy as np

from landmark.files import disk
from landmark.files.patches import CROP_NAME, read_crop, read_npts
from landmark.script import cli
from landmark.script.progress import progress_bar


def main(argv):
    folder, out_folder, share = Path(argv[1]), Path(argv[2]), float(argv[3])
    scheme, rng = read_crop(folder).scheme, np.random.default_rng(0)
    out_folder.mkdir(parents=True, exist_ok=True)
    if (folder / CROP_NAME).exists():
        shutil.copy(folder / CROP_NAME, out_folder)
    missing = total = 0
    for path in progress_bar(
        disk.list_files(folder, (".png",)), desc="dropping", unit="patch"
    ):
        points = read_npts(path.with_suffix(".npts"), scheme).copy()
        points[rng.random(len(points)) < share] = np.nan
        missing, total = missing + np.isnan(points[:, 0]).sum(), total + len(points)
        shutil.copy(path, out_folder)
        points.astype("<f8").tofile(out_folder / f"{path.stem}.npts")
    print(f"Wrote {out_folder}: {missing} of {total} points are missing")


if __name__ == "__main__":
    cli.run(main, arguments="FOLDER OUT_FOLDER SHARE")
