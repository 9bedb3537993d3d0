#!/bin/sh
# Tells Consul which containers run on this node. Those that carry the label
# catalog=NAME:PORT are registered when they start, and taken out when they
# end. It runs until its file is removed, it is killed, or the engine stops:
# watch.sh FILE
set -u
file=$1
consul=http://127.0.0.1:8500/v1/agent/service
echo $$ > "$file"

register() {
    label=$(docker inspect --format '{{index .Config.Labels "catalog"}}' "$1") || return 0
    echo "watch: $1 is $label"
    printf '{"ID": "%s", "Name": "%s", "Port": %s}' "$1" "${label%:*}" "${label#*:}" | curl -fsS -X PUT -d @- $consul/register
}
deregister() {
    echo "watch: $1 has ended"
    curl -fsS -X PUT "$consul/deregister/$1"
}

# What happens from now on is written down first, and what runs already is
# registered then: nothing falls between.
pipe=$file.events
rm -f "$pipe" && mkfifo "$pipe" || exit 1
docker events --filter type=container --filter label=catalog --filter event=start --filter event=die --format '{{.Action}} {{.Actor.ID}}' > "$pipe" &
events=$!
# Who waits for events looks at nothing else, so somebody else looks whether
# it should go on. ($$ is the watcher here, too.)
{
    while [ -e "$file" ] && kill -0 $$ 2>/dev/null; do sleep 0.2; done
    kill $events
    rm -f "$pipe"
} 2>/dev/null &
{
    for id in $(docker ps -q --no-trunc --filter label=catalog); do register "$id"; done
    while read -r action id; do
        case $action in
            start) register "$id" ;;
            die) deregister "$id" ;;
        esac
    done
} < "$pipe"
