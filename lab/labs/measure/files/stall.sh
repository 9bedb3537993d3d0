#!/bin/sh
# Tests the container `still` for ten seconds, and pauses it for two of them:
# stall.sh NAME [OPTIONS OF LOADGEN BENCH]
# What came of it is kept in ~/work/measure/NAME, times in milliseconds.
set -eu
name=$1
shift
echo "$name, ten seconds:"
(sleep 4; docker pause still; sleep 2; docker unpause still) >/dev/null &
# It warns about what it found, with an exit code of its own: the figures are
# right all the same.
loadgen bench --duration 10s --fail-if 'errors > 100%' --json "$@" \
    http://127.0.0.1:8002/ >/tmp/stall.json || true
wait
jq -r '.response |
    "p50 \(.p50_ms)\np90 \(.p90_ms)\np99 \(.p99_ms)\nmax \(.max_ms)"' \
    /tmp/stall.json | tee ~/work/measure/"$name"
