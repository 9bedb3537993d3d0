#!/bin/sh
# Many users at once: crowd.sh make|look|remove
#
# make: CLIENTS users (10) make EACH environments (5), and repeat what got no
# answer; a line `user id` for each. look: each user lists, and tries a
# stranger's; counts in a line each.  remove: each user removes what make has
# listed; a status in a line each.
set -eu
cd ~/work/platform
api=127.0.0.1:8000/environments
clients=${CLIENTS:-10} each=${EACH:-5}
# What is not done by then is given up.
deadline=$(($(date +%s) + 120))
# Statuses 5xx are repeated, and so is what got no answer (000). The same key
# makes that safe. No other status is: asking again would not change it. The
# status is printed.
ask() {
    user=$1
    shift
    while
        rm -f "$user.answer"
        status=$(curl -s -m 20 -o "$user.answer" -w '%{http_code}' -H "@$user" "$@") || true
        case $status in 000 | 5??) [ "$(date +%s)" -lt $deadline ] ;; *) false ;; esac
    do sleep 1; done
    echo "$status"
}
make() {
    for n in $(seq "$each"); do
        ask "$1" -H "Idempotency-Key: order-$n" -H 'Content-Type: application/json' -d '{"lifetime": "10m"}' $api >/dev/null
        id=$(jq -er .id "$1.answer") && echo "$1 $id" || true
    done
}
look() {
    ask "$1" $api >/dev/null
    echo "own $(jq '.environments | length' "$1.answer")"
    stranger=$(awk -v me="$1" '$1 != me {print $2; exit}' made)
    echo "stranger $(ask "$1" "$api/$stranger")"
}
remove() {
    awk -v me="$1" '$1 == me {print $2}' made | while read -r id; do
        ask "$1" -X DELETE "$api/$id"
    done
}
for n in $(seq "$clients"); do "$1" "user$n" & done
wait
