#!/bin/sh
# Says for each node of the swarm whether a folder is there: preflight.sh
# FOLDER, on a manager. It ends with 1 where one lacks it.
#
# A job looks, once on each node. It sees the whole disk of the node, and may
# write nowhere.
set -eu
folder=$1
docker service create --quiet --detach --name preflight --mode global-job --restart-condition none --mount type=bind,source=/,target=/node,readonly \
    127.0.0.1:5000/busybox:1 test -d "/node$folder" >/dev/null
trap 'docker service rm preflight >/dev/null' EXIT
nodes=$(docker node ls -q | wc -l)
tries=0
until states=$(docker service ps --format '{{.Node}} {{.CurrentState}}' preflight) &&
    [ "$(echo "$states" | grep -c -E ' (Complete|Failed|Rejected)')" -ge "$nodes" ]; do
    tries=$((tries + 1))
    [ $tries -lt 120 ] || { echo "preflight: not all nodes have answered in 60 s: $states" >&2; exit 2; }
    sleep 0.5
done
echo "$states" | sort | awk '
    $2 == "Complete" { print $1 ": there" }
    $2 == "Failed" { print $1 ": missing"; lacks = 1 }
    $2 == "Rejected" { print $1 ": the job could not start"; lacks = 1 }
    END { exit lacks }
'
