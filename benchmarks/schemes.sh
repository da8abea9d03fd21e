#!/usr/bin/env bash
# Trains what docs/own_points.md tells of: models of other points, on drawn faces and,
# where its patches are there, on 300-W.
#
#   benchmarks/schemes.sh FOLDER     writes everything below FOLDER; takes hours
#
# FOLDER/wide, if it is there, holds the patches of 300-W, extracted with --margin=0.3.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:---help}" in -h|--help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0;; esac
out=$1
python=${PYTHON:-.venv/bin/python}
recipe="--net=resnet_simcc --depth_multiplier=1 --use_batch_norm --optimizer=adam
  --loss=l1 --learning_rate=0.003 --learning_rate_decay_type=cosine --warmup_steps=200
  --batch_size=32 --validation_interval=1000"

run() { "$@" || [ $? = 3 ]; }  # 3: done, though some inputs were passed over.

train() {  # FOLDER RECORDS STEPS [FLAGS]: trains, unless it has been.
  local folder=$1 records=$2 steps=$3; shift 3
  [ -f "$folder/data.json" ] && [ -f "$folder/done" ] && return
  # shellcheck disable=SC2086
  $python train_slim.py --train_dir="$folder" --train_tfr="$records.56.train.tfrecord" \
    --val_tfr="$records.56.val.tfrecord" --max_number_of_steps="$steps" \
    --learning_rate_decay_step="$steps" $recipe "$@"
  touch "$folder/done"
}

draw() {  # NAME SCHEME COUNT SEED [FLAGS]: draws faces, and packs them.
  local name=$1 scheme=$2 count=$3 seed=$4; shift 4
  [ -f "$out/$name.56.val.tfrecord" ] && return
  $python draw_synthetic_faces.py --write_path="$out/$name.faces" --count="$count" \
    --seed="$seed" --scheme="$scheme"
  run $python extract_landmark_training_data.py --images_dirs="$out/$name.faces" \
    --write_path="$out/$name" --scheme="$scheme" --norotate "$@"
  run $python make_landmark_tfrecord.py --data_path="$out/$name"
}

# 98 points and 68 on the same faces, in the same steps.
draw ibug68 ibug68 3000 1
draw wflw98 wflw98 3000 1
for seed in 1 2 3; do
  for scheme in ibug68 wflw98; do
    train "$out/98/$scheme.$seed" "$out/$scheme" 2000 --seed=$seed
  done
done
# On faces that none of them has seen: what validates goes by the folder's name.
draw test ibug68 500 5
$python evaluate_landmark_model.py --models_dir="$out/98" --as_scheme=ibug68 \
  --tfrecord="$out/test.56.train.tfrecord" --write_dir="$out/98.68"

# A fifth of the points missing.
if [ -d "$out/wide" ]; then
  list=benchmarks/300w_validation.txt
  run $python make_landmark_tfrecord.py --data_path="$out/wide" --val_list=$list
  $python -m benchmarks.drop_points "$out/wide" "$out/wide_missing" 0.2
  run $python make_landmark_tfrecord.py --data_path="$out/wide_missing" --val_list=$list
  augment="--augment --noaugment_flip"
  # shellcheck disable=SC2086
  train "$out/missing/all" "$out/wide" 1500 --seed=1 $augment
  # shellcheck disable=SC2086
  train "$out/missing/fifth" "$out/wide_missing" 1500 --seed=1 $augment
  $python evaluate_landmark_model.py --models_dir="$out/missing" \
    --tfrecord="$out/wide.56.val.tfrecord"
fi

# Two hundred faces of five points, with and without what 68 points have taught. The
# many of the second draw are for the measurement alone.
draw few five 200 2
draw many five 1000 3
for seed in 1 2 3; do
  train "$out/five/alone.$seed" "$out/few" 300 --seed=$seed
  train "$out/five/transfer.$seed" "$out/few" 300 --seed=$seed \
    --init_checkpoint="$out/98/ibug68.1"
done
$python evaluate_landmark_model.py --models_dir="$out/five" \
  --tfrecord="$out/many.56.train.tfrecord"

# Faces in profile, and both models on photos of both kinds.
draw profile menpo39 2000 4
train "$out/profile.model/menpo39" "$out/profile" 1000 --seed=1
$python evaluate_landmark_model.py --models_dir="$out/profile.model" \
  --tfrecord="$out/profile.56.val.tfrecord"
front=$out/98/ibug68.1 profile=$out/profile.model/menpo39
for model in "$front" "$profile"; do
  $python save_with_bnorm_off.py --models_dir="$model"
done
for kind in front profile; do
  $python draw_synthetic_faces.py --write_path="$out/both/$kind" --count=50 --seed=9 \
    --$([ $kind = front ] && echo no)profile
done
$python detect_face_landmark.py "$out/both" --write_image_dir="$out/both.drawn" \
  --write_json="$out/both.jsonl" \
  --landmark_checkpoint_path="$front/landmark.float.tflite,$profile/landmark.float.tflite"
$python - "$out/both.jsonl" <<'END'
import collections, json, sys
faces = map(json.loads, open(sys.argv[1]))
print(collections.Counter((f["output"].split("/")[0], f["scheme"]) for f in faces))
END
