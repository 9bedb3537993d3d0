#!/bin/sh
# Plants a fault on a node that chance picks, and knows which: fault.sh plant
# | node | reason | mend
#
# A program lies in /srv/sampler on each node, and a global service starts it
# from there. On one node something is not as on the others: `folder` (there
# is none), `program` (it is not there) or `setting` (it is wrong). Whoever
# reads this file's memory spoils the riddle.
set -eu
memory=${TMPDIR:-/var/tmp}/swarmlab-fault
image=127.0.0.1:5000/busybox:1

# Runs a script on the nodes that a constraint names, with the node's folder
# /srv in /srv: on NAME CONSTRAINT SCRIPT
on() {
    docker service rm "sampler-$1" >/dev/null 2>&1 || true
    docker service create --quiet --detach --name "sampler-$1" --mode global-job --constraint "$2" --restart-condition none \
        --mount type=bind,source=/srv,target=/srv $image sh -c "$3" >/dev/null
    wanted=$(docker node ls -q | wc -l)
    [ "$2" = node.platform.os==linux ] || wanted=1
    tries=0
    until [ "$(docker service ps --format '{{.CurrentState}}' "sampler-$1" | grep -c ^Complete)" -ge "$wanted" ]; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { echo "fault.sh: the nodes could not be prepared; docker service ps sampler-$1" >&2; exit 1; }
        sleep 0.5
    done
    docker service rm "sampler-$1" >/dev/null
}

# What is right on each node. The program says a line a second; a setting that
# is no number ends it.
right='mkdir -p /srv/sampler && echo 1 > /srv/sampler/every && cat > /srv/sampler/run <<EOF
#!/bin/sh
read -r every < /srv/sampler/every
case "\$every" in *[!0-9]* | "") echo "sampler: /srv/sampler/every says \"\$every\", which is no number of seconds" >&2; exit 1 ;; esac
while :; do echo "load \$(cat /proc/loadavg)"; sleep "\$every"; done
EOF
chmod +x /srv/sampler/run'

case "${1:-}" in
    plant)
        chance=$(od -An -N2 -tu2 /dev/urandom)
        node=$(docker node ls --format '{{.Hostname}}' | sort | sed -n "$((chance % $(docker node ls -q | wc -l) + 1))p")
        reason=$(echo folder program setting | cut -d ' ' -f $((chance / 256 % 3 + 1)))
        on right node.platform.os==linux "$right"
        case $reason in
            folder) wrong='rm -r /srv/sampler' ;;
            program) wrong='rm /srv/sampler/run' ;;
            setting) wrong='echo often > /srv/sampler/every' ;;
        esac
        on wrong "node.hostname==$node" "$wrong"
        echo "$node $reason" > $memory
        # With a health check a task is Running two seconds after its start, so one
        # that ends at once never is.
        docker service create --quiet --detach --name sampler --mode global --mount type=bind,source=/srv/sampler,target=/srv/sampler,readonly \
            --health-cmd true --health-interval 2s --restart-delay 5s $image /srv/sampler/run >/dev/null
        ;;
    node) cut -d ' ' -f 1 $memory ;;
    reason) cut -d ' ' -f 2 $memory ;;
    # The service is left alone: the swarm tries again by itself.
    mend) on right node.platform.os==linux "$right" ;;
    *) echo "fault.sh: plant, node, reason or mend" >&2; exit 2 ;;
esac
