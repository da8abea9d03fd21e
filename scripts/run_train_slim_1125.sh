#!/usr/bin/env bash
# Sweep of 25 November: what each kind of augmentation buys, which network, and what
# quantised training costs. Short trainings by the recipe of the 56-pixel model, JOBS at a
# time (two of one thread each are a quarter faster than one of two). Then all are
# evaluated and exported, for benchmarks/. The recipe had mirrored and grey copies and JPEG
# then. Run again after an interruption, it goes on.
#
#   scripts/run_train_slim_1125.sh wide.56.train.tfrecord wide.56.val.tfrecord runs/1125
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;; esac
usage="usage: $0 TRAIN_TFR VAL_TFR MODELS_DIR"
train_tfr=${1:?$usage} val_tfr=${2:?$usage} models_dir=${3:?$usage}
project=$(dirname "$0")/..
python=${PYTHON:-$project/.venv/bin/python}
# Status 3: done, but some inputs were passed over, and named.
run() { "$python" "$@" || [ $? = 3 ]; }
steps=${STEPS:-1500}

runs() { # a name, and the flags that differ from the recipe of then
  echo all
  echo no_augmentation --noaugment
  for kind in rotate scale shift gray light blur occlusion noise jpeg; do
    echo no_$kind --augment_$kind=0
  done
  echo no_flip --noaugment_flip
  echo lannet.1 --net=lannet --depth_multiplier=1
  echo lannet.2 --net=lannet --depth_multiplier=2
  echo simcc.1 --net=resnet_simcc --depth_multiplier=1
  echo simcc.1.5 --net=resnet_simcc --depth_multiplier=1.5
  echo simcc.3 --net=resnet_simcc --depth_multiplier=3
  echo simcc_large --net=resnet_simcc_large
  echo quantized.0 --quantize_delay=0
  echo quantized.half --quantize_delay=$((steps / 2))
}

train() {
  local name=$1
  shift
  echo "== $name"
  run "$project/train_slim.py" --flagfile="$project/scripts/landmark_56.flags" \
    --train_dir="$models_dir/$name" --train_tfr="$train_tfr" --val_tfr="$val_tfr" \
    --learning_rate_decay_step="$steps" --max_number_of_steps="$steps" \
    --augment_flip=true --augment_gray=0.1 --augment_jpeg=0.1 "$@" \
    >"$models_dir/$name.log" 2>&1
}

mkdir -p "$models_dir"
export TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
export -f run train
export project python models_dir train_tfr val_tfr steps
runs | xargs -P "${JOBS:-2}" -I{} bash -c 'train {}'
train quantized.tuned --quantize_delay=0 --init_checkpoint="$models_dir/all" \
  --learning_rate=0.001 --warmup_steps=0 --learning_rate_decay_step=$((steps / 3)) \
  --max_number_of_steps=$((steps / 3))
unset TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS
run "$project/evaluate_landmark_model.py" --tfrecord="$val_tfr" --models_dir="$models_dir"
run "$project/save_with_bnorm_off.py" --tfrecord="$val_tfr" --models_dir="$models_dir" \
  --variants=float,int8 --calibration_tfrecord="$train_tfr"
