#!/bin/sh
# Pushes images side by side, for most of a push is waiting: push.sh IMAGE... It ends when all are there, and fails when one is not.
set -eu
pids=
for image in "$@"; do
    docker push -q "$image" &
    pids="$pids $!"
done
code=0
for pid in $pids; do wait "$pid" || code=1; done
exit $code
