#!/bin/sh
# Kills workers of the workflow that run on this node, one by one and at
# random moments, with the signal that nobody can catch: unrest.sh SECONDS
set -eu
end=$(($(date +%s) + $1))
killed=0
while [ "$(date +%s)" -lt "$end" ]; do
    sleep "$(shuf -i 1-3 -n 1)"
    victim=$(docker ps -q -f name=work -f name=more | shuf -n 1)
    # A victim may have ended by itself in between.
    [ -z "$victim" ] || ! docker kill --signal KILL "$victim" >/dev/null 2>&1 || killed=$((killed + 1))
done
echo "$killed workers killed on $(hostname)"
