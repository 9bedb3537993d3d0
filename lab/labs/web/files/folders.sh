#!/bin/sh
# Makes the folder /srv/weblog on each node: folders.sh two | all
#
# `two` makes it on all nodes but one, which chance picks.
set -eu
image=127.0.0.1:5000/busybox:1

# Runs a command once on each node that a constraint names, with the node's
# folder /srv in /srv: on CONSTRAINT TASKS COMMAND...
on() {
    constraint=$1 wanted=$2
    shift 2
    docker service rm folders >/dev/null 2>&1 || true
    docker service create --quiet --detach --name folders --mode global-job --constraint "$constraint" --restart-condition none \
        --mount type=bind,source=/srv,target=/srv $image "$@" >/dev/null
    tries=0
    until [ "$(docker service ps --format '{{.CurrentState}}' folders | grep -c ^Complete)" -ge "$wanted" ]; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { echo "folders.sh: the nodes could not be prepared; docker service ps folders" >&2; exit 1; }
        sleep 0.5
    done
    docker service rm folders >/dev/null
}

case "${1:-}" in
    two)
        on node.platform.os==linux "$(docker node ls -q | wc -l)" mkdir -p /srv/weblog
        on "node.hostname==$(docker node ls --format '{{.Hostname}}' | shuf -n 1)" 1 rm -rf /srv/weblog
        ;;
    all) on node.platform.os==linux "$(docker node ls -q | wc -l)" mkdir -p /srv/weblog ;;
    *) echo "usage: folders.sh two | all" >&2; exit 2 ;;
esac
