#!/bin/sh
# Waits until an environment is in a state, or gone: await.sh USER ID
# pending|ready|failed|gone. It asks the API, for two minutes at most.
set -eu
user=$1 id=$2 state=$3 said=
for _ in $(seq 240); do
    answer=$(curl -s -m 5 -H "@$HOME/work/platform/$user" "127.0.0.1:8000/environments/$id" || true)
    said=$(printf %s "$answer" | jq -r '.state // (if .status == 404 then "gone" else "?" end)' 2>/dev/null || echo "?")
    [ "$said" != "$state" ] || exit 0
    sleep 0.5
done
echo "await.sh: $id is $said after two minutes, not $state: $answer" >&2
exit 1
