#!/usr/bin/env bash
# Sweep of 24 November: loss x regulariser. Each run folder is named after its settings:
#   x SIZE - LOSS . OPTIMIZER . LEARNING_RATE . STEPS - REGULARIZER . LAMBDA
# Ends in an evaluation of all. Run again after an interruption, it goes on.
#
#   scripts/run_train_slim_1124.sh patches.56.train.tfrecord patches.56.val.tfrecord runs/1124
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
usage="usage: $0 TRAIN_TFR VAL_TFR MODELS_DIR"
train_tfr=${1:?$usage} val_tfr=${2:?$usage} models_dir=${3:?$usage}
project=$(dirname "$0")/..
python=${PYTHON:-$project/.venv/bin/python}
# Status 3: done, but some inputs were passed over, and named.
run() { "$python" "$@" || [ $? = 3 ]; }

size=56 optimizer=adam learning_rate=0.002 steps=${STEPS:-5000}
losses=(wing l1)
regularizers=("none 0" "l2 0.0001")

for loss in "${losses[@]}"; do
  for regularizer in "${regularizers[@]}"; do
    read -r name lambda <<<"$regularizer"
    run=x$size-$loss.$optimizer.$learning_rate.$steps-$name.$lambda
    echo "== $run"
    run "$project/train_slim.py" --train_dir="$models_dir/$run" \
      --train_tfr="$train_tfr" --val_tfr="$val_tfr" --input_size=$size \
      --loss="$loss" --wing_w=0.156 --wing_eps=0.031 \
      --regularizer="$name" --regularizer_lambda="$lambda" \
      --optimizer=$optimizer --learning_rate=$learning_rate \
      --learning_rate_decay_type=polynomial --learning_rate_decay_step="$steps" \
      --use_batch_norm --moving_average_decay=0.999 \
      --max_number_of_steps="$steps" --validation_interval=500
  done
done
run "$project/evaluate_landmark_model.py" --tfrecord="$val_tfr" --models_dir="$models_dir"
