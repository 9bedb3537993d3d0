#!/bin/bash
# Does `lab tasks` have the same tasks, on the same nodes, as Docker has?
# tables-agree.sh names    by the nodes' names, as `docker service ps` has them
# tables-agree.sh ids      by the nodes' identifiers, as the API has them
# Says nothing where it does, and else what differs.
ours() { lab tasks --no-trunc | awk -v column="$1" 'NR > 1 {print $3, $column}' | sort; }
services=$(docker service ls -q)
case $1 in
    names)
        diff <(ours 6) <(docker service ps --no-trunc -f desired-state=running \
            --format '{{.ID}} {{.Node}}' $services | sort)
        ;;
    ids)
        tasks=$(docker service ps -q --no-trunc -f desired-state=running $services)
        diff <(ours 5) <(docker inspect --type task --format '{{.ID}} {{.NodeID}}' $tasks | sort)
        ;;
esac
