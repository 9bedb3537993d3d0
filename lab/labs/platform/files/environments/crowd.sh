#!/bin/sh
# Many users at once: crowd.sh make|look|remove
#
# make: CLIENTS users (10) make EACH environments (5), and repeat what got no
# answer; a line `user id` for each. look: each user lists, and tries a
# stranger's; counts in a line each.  remove: each user removes what make has
# listed.
set -eu
cd ~/work/platform
api=127.0.0.1:8000/environments
clients=${CLIENTS:-10} each=${EACH:-5}
# Statuses 5xx are repeated, and so is what got no answer. The same key makes
# that safe. The answer goes to a file, which a repeated request writes anew;
# to a pipe it would append. The status is printed.
ask() { user=$1; shift; curl -s -m 20 --retry 60 --retry-delay 1 --retry-all-errors -o "$user.answer" -w '%{http_code}\n' -H "@$user" "$@"; }
make() {
    for n in $(seq "$each"); do
        rm -f "$1.answer"
        ask "$1" -H "Idempotency-Key: order-$n" -H 'Content-Type: application/json' -d '{"lifetime": "10m"}' $api >/dev/null || true
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
