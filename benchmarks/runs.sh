#!/usr/bin/env bash
# Train what a list names, some runs at a time; called again it goes on where it was stopped:
#
#   bash benchmarks/runs.sh RUNS OUT [--key value ...]
#
# RUNS has a line a run: NAME STORE STREAM EXPERIMENT [--key value ...]; further words of this command are added to every
# line. STORE is a folder below STORES (default stores). Each run goes to OUT/NAME, what it prints to OUT/NAME.out.
# JOBS runs go on at a time (default 1), each with one thread.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
list=$1 out=$2; shift 2
: "${STORES:=stores}" "${JOBS:=1}"
python=${PYTHON:-python3} more=$*
export PYTHONPATH=src:.${PYTHONPATH:+:$PYTHONPATH} OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
mkdir -p "$out"
train() {
  local name=$1 store=$2 stream=$3 experiment=$4; shift 4
  "$python" -m dualhead train --config "$experiment" --store "$STORES/$store" --out "$out/$name" --stream "$stream" \
    --quiet "$@" >"$out/$name.out" 2>&1
  echo "$name ended with $?" >>"$out/$name.out"
}
export -f train; export out python STORES
grep -v '^#' "$list" | grep -v '^ *$' | sed "s|\$| $more|" | xargs -d '\n' -P "$JOBS" -I LINE bash -c 'train LINE'
