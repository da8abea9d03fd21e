#!/usr/bin/env bash
# Sweep of 26 November: what mirrored copies, and grey, blur and JPEG, which showed nothing
# after 1,500 steps, do to a model that is done. Each goes on from INIT, a model of the
# 56-pixel recipe that was trained with all of them (pretrained/landmark_56 of commit
# cb97f88 was), JOBS at a time. Run again after an interruption, it goes on.
#
#   scripts/run_train_slim_1126.sh landmark_56 both.56.train.tfrecord wide.56.val.tfrecord runs/1126
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
usage="usage: $0 INIT TRAIN_TFR VAL_TFR MODELS_DIR"
init=${1:?$usage} train_tfr=${2:?$usage} val_tfr=${3:?$usage} models_dir=${4:?$usage}
project=$(dirname "$0")/..
python=${PYTHON:-$project/.venv/bin/python}
# Status 3: done, but some inputs were passed over, and named.
run() { "$python" "$@" || [ $? = 3 ]; }
steps=${STEPS:-2500}

runs() { # a name, and the flags that differ
  echo all
  echo no_flip --noaugment_flip
  echo no_gray_blur_jpeg --augment_gray=0 --augment_blur=0 --augment_jpeg=0
}

train() {
  local name=$1
  shift
  echo "== $name"
  run "$project/train_slim.py" --flagfile="$project/scripts/landmark_56.flags" \
    --train_dir="$models_dir/$name" --train_tfr="$train_tfr" --val_tfr="$val_tfr" \
    --init_checkpoint="$init" --learning_rate=0.002 \
    --learning_rate_decay_step="$steps" --max_number_of_steps="$steps" \
    --augment_flip=true --augment_gray=0.1 --augment_jpeg=0.1 "$@" \
    >"$models_dir/$name.log" 2>&1
}

mkdir -p "$models_dir"
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
export -f run train
export project python init train_tfr val_tfr models_dir steps
runs | xargs -P "${JOBS:-2}" -I{} bash -c 'train {}'
unset TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS
run "$project/save_with_bnorm_off.py" --tfrecord="$val_tfr" --models_dir="$models_dir"
