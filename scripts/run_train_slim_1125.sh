#!/usr/bin/env bash
# Sweep of 25 November: what each kind of augmentation buys, and which network. Short
# trainings by the recipe of the 56-pixel model; all are exported, for benchmarks/.
#
#   scripts/run_train_slim_1125.sh wide.56.train.tfrecord wide.56.val.tfrecord runs/1125
set -euo pipefail
usage="usage: $0 TRAIN_TFR VAL_TFR MODELS_DIR"
train_tfr=${1:?$usage} val_tfr=${2:?$usage} models_dir=${3:?$usage}
project=$(dirname "$0")/..
python=${PYTHON:-$project/.venv/bin/python}
steps=${STEPS:-3000}

train() {
  local run=$1
  shift
  echo "== $run"
  "$python" "$project/train_slim.py" --flagfile="$project/scripts/landmark_56.flags" \
    --train_dir="$models_dir/$run" --train_tfr="$train_tfr" --val_tfr="$val_tfr" \
    --learning_rate_decay_step="$steps" --max_number_of_steps="$steps" "$@"
}

train all
train no_augmentation --noaugment
for kind in rotate scale shift gray light blur occlusion noise jpeg; do
  train "no_$kind" --augment_$kind=0
done
train no_flip --noaugment_flip

for multiplier in 1.0 2.0; do
  train "lannet.$multiplier" --net=lannet --depth_multiplier=$multiplier
done
for multiplier in 1.0 1.5 3.0; do
  train "resnet_simcc.$multiplier" --net=resnet_simcc --depth_multiplier=$multiplier
done
train resnet_simcc_large --net=resnet_simcc_large

"$python" "$project/evaluate_landmark_model.py" --tfrecord="$val_tfr" --models_dir="$models_dir"
"$python" "$project/save_with_bnorm_off.py" --tfrecord="$val_tfr" --models_dir="$models_dir"
