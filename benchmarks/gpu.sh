#!/usr/bin/env bash
# Everything that only a GPU can show, in one call that ends within nine minutes and writes as it goes:
#
#   bash benchmarks/gpu.sh OUT [tests] [speed] [runs]
#
# tests  tests/gpu (golden cases, deployed forms, graphs, training) on CUDA      -> OUT/tests.log
# speed  python -m benchmarks.cuda, the compiler's cache filled beforehand       -> OUT/cuda-1.json, ...
# runs   the runs that RUNS lists, side by side on the one GPU                   -> OUT/runs.tar.gz, OUT/NAME.safetensors
#
# RUNS and STORES are those of benchmarks/runs.sh. KEEP names runs whose weights are kept. JOBS runs go on at a time; a part that is not
# done after its *_SECONDS is stopped, and what it has written stays. MPS=1 lets the kernels of several runs share the
# GPU at the same moment (NVIDIA's Multi-Process Service), where it starts.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$1; shift
parts=${*:-tests speed runs}
python=${PYTHON:-python3}
: "${TEST_SECONDS:=150}" "${SPEED_SECONDS:=170}" "${RUN_SECONDS:=200}" "${JOBS:=8}" "${KEEP:=}"
: "${MPS:=0}" "${RUNS:=results/ablations/ucla/runs.txt}" "${STORES:=stores}" "${COMPILED:=dualhead,ctrgcn}"
: "${SPEED:=--models dualhead,msg3d --frames 300; --models dualhead,ctrgcn,dgstgcn --frames 64}"
export PYTHONPATH=src:.${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-/tmp/inductor} TORCHINDUCTOR_FX_GRAPH_CACHE=1
mkdir -p "$out"
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader | tee "$out/device.txt"

if [[ " $parts " == *" tests "* ]]; then
  compiling=()
  if [[ " $parts " == *" speed "* ]]; then  # a process for each model: compiling is the host's work
    for name in ${COMPILED//,/ }; do
      timeout "$TEST_SECONDS" "$python" -m benchmarks.cuda --only-compile --models "$name" --compiled "$name" \
        --frames 64 >"$out/compile-$name.log" 2>&1 & compiling+=($!)
    done
  fi
  timeout "$TEST_SECONDS" "$python" -m pytest tests/gpu -n 6 -q -p no:cacheprovider 2>&1 | tee "$out/tests.log" | tail -40
  for job in "${compiling[@]}"; do wait "$job"; done
  cat "$out"/compile-*.log 2>/dev/null | tail -20; rm -f "$out"/compile-*.log
  echo "tests done after $SECONDS s"
fi

if [[ " $parts " == *" speed "* ]]; then
  began=$SECONDS part=0
  while read -r words; do  # one process each, with the rest of the time
    left=$((SPEED_SECONDS - SECONDS + began)); part=$((part + 1))
    # shellcheck disable=SC2086
    [[ $left -gt 5 ]] && timeout $((left + 30)) "$python" -m benchmarks.cuda $words --compiled "$COMPILED" --rounds 4 \
      --seconds "$left" --out "$out/cuda-$part.json" >"$out/cuda-$part.log" 2>&1 </dev/null
    tail -2 "$out/cuda-$part.log"
  done <<<"${SPEED//; /$'\n'}"
  echo "speed done after $SECONDS s"
fi

if [[ " $parts " == *" runs "* ]]; then
  runs=$(mktemp -d)
  if [[ $MPS == 1 ]]; then
    export CUDA_MPS_PIPE_DIRECTORY=$runs/mps CUDA_MPS_LOG_DIRECTORY=$runs/mps-log
    mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
    if nvidia-cuda-mps-control -d && timeout 40 "$python" -c 'import torch; torch.ones(9).cuda().sum().item()'; then
      echo "MPS is on"
    else
      echo quit | timeout 10 nvidia-cuda-mps-control; pkill -f nvidia-cuda-mps; unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
      echo "MPS does not start: runs take turns"
    fi
  fi
  PYTHON=$python JOBS=$JOBS STORES=$STORES timeout "$RUN_SECONDS" bash benchmarks/runs.sh "$RUNS" "$runs" --device cuda
  [[ -n ${CUDA_MPS_PIPE_DIRECTORY:-} ]] && echo quit | timeout 20 nvidia-cuda-mps-control
  for name in $KEEP; do cp "$runs/$name/last.safetensors" "$out/$name.safetensors" 2>/dev/null; done
  (cd "$runs" && tar czf - --exclude='*.safetensors' --exclude='*.ckpt' --exclude=tensorboard .) >"$out/runs.tar.gz"
  tail -qn 1 "$runs"/*.out
  for metrics in "$runs"/*/metrics.csv; do echo "$metrics: $(tail -1 "$metrics")"; done
  echo "runs done after $SECONDS s"
fi
