#!/bin/sh
# Pushes images side by side, for most of a push is waiting: push.sh IMAGE...
set -eu
pids=
for image in "$@"; do
    docker push -q "$image" &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
