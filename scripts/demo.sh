#!/usr/bin/env bash
# Every stage, on synthetic faces: draw, extract, make records, train, evaluate, export,
# detect.
#
#   scripts/demo.sh
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
scripts/setup.sh
python=.venv/bin/python
out=runs/demo
model=$out/models/x56-wing.adam.0.002.1500
rm -rf "$out"

stage() { echo; echo "== $*"; }
# Status 3: done, but some inputs were passed over, and named.
run() { "$python" "$@" || [ $? = 3 ]; }

stage draw synthetic faces
run draw_synthetic_faces.py --write_path=$out/faces --count=1200

stage extract face patches
run extract_landmark_training_data.py --images_dirs=$out/faces \
  --write_path=$out/patches --max_rotate=20 --jitter=0.05

stage make records
run make_landmark_tfrecord.py --data_path=$out/patches --size=56

stage train
run train_slim.py --train_dir=$model \
  --train_tfr=$out/patches.56.train.tfrecord --val_tfr=$out/patches.56.val.tfrecord \
  --loss=wing --wing_w=0.156 --wing_eps=0.031 --use_batch_norm --optimizer=adam \
  --learning_rate=0.002 --learning_rate_decay_type=polynomial \
  --learning_rate_decay_step=1500 --max_number_of_steps=1500 --validation_interval=500 \
  --moving_average_decay=0.99

stage evaluate
run evaluate_landmark_model.py --tfrecord=$out/patches.56.val.tfrecord \
  --models_dir=$out/models

stage export
run save_with_bnorm_off.py --models_dir=$out/models \
  --tfrecord=$out/patches.56.val.tfrecord

stage detect in new photos
run draw_synthetic_faces.py --write_path=$out/new_faces --count=20 --seed=1
run detect_face_landmark.py --images_dir=$out/new_faces --write_image_dir=$out/drawn \
  --landmark_checkpoint_path=$model/landmark.float.tflite

echo
echo "Look at:"
echo "  $model/mosaic_all_001.jpg   what the model sees (truth green, prediction red)"
echo "  $out/models/ced.png         its error curve"
echo "  $out/drawn                  faces found in new photos"
echo "  $model/landmark.float.tflite"
