#!/bin/sh
# Tells Consul which containers run on this node. Those that carry the label
# catalog=NAME:PORT are registered when they start, and taken out when they
# end. It runs until its file is removed, it is killed, or the engine stops:
# watch.sh FILE
set -u
file=$1
consul=http://127.0.0.1:8500/v1/agent
echo $$ > "$file"

register() {
    label=$(docker inspect --format '{{index .Config.Labels "catalog"}}' "$1") || return 0
    echo "watch: $1 is $label"
    printf '{"ID": "%s", "Name": "%s", "Port": %s}' "$1" "${label%:*}" "${label#*:}" | curl -fsS -X PUT -d @- $consul/service/register
}
deregister() {
    echo "watch: $1 has ended"
    curl -fsS -X PUT "$consul/service/deregister/$1"
}

# The engine is asked for all that has happened since this moment, also for
# what happens before it is asked: nothing falls between.
since=$(date +%s)
pipe=$file.events
rm -f "$pipe" && mkfifo "$pipe" || exit 1
docker events --since "$since" --filter type=container --filter label=catalog --filter event=start --filter event=die --format '{{.Action}} {{.Actor.ID}}' > "$pipe" &
events=$!
# Who waits for events looks at nothing else, so somebody else looks whether
# it should go on. ($$ is the watcher here, too.)
{
    while [ -e "$file" ] && kill -0 $$ 2>/dev/null; do sleep 0.2; done
    kill $events
    rm -f "$pipe"
} 2>/dev/null &
{
    # What has ended while nobody watched is still in the list. An ID that is
    # no container's is somebody else's entry.
    running=$(docker ps -q --no-trunc --filter label=catalog) || exit 1
    for id in $(curl -fsS $consul/services | jq -r 'keys[]' | grep -xE '[0-9a-f]{64}'); do
        echo "$running" | grep -qxF "$id" || deregister "$id"
    done
    for id in $running; do register "$id"; done
    while read -r action id; do
        case $action in
            start) register "$id" ;;
            die) deregister "$id" ;;
        esac
    done
} < "$pipe"
