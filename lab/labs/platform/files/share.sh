#!/bin/sh
# Measures a way of sharing: share.sh NAME [SECONDS]. It gives the balancer
# the file nginx/NAME.conf, loads it with 12 requests at a time, and says how
# it did, how many percent of the requests each server got, and how long they
# took at the balancer.
set -eu
cp "$(dirname "$0")/nginx/$1.conf" ~/work/platform/nginx/nginx.conf
docker exec balancer nginx -s reload 2>/dev/null
# The old processes of nginx take no new connections a moment later.
sleep 2
since=$(date +%s)
seconds=${2:-10}
# On a machine that has other things to do it warns, and ends with a code of
# its own: the shares are right all the same.
load() { loadgen bench -d "${seconds}s" -c "$1" "http://127.0.0.1:8000/$2" || true; }
case $1 in
    # Who is told apart by a name has one: twelve users, each with a request
    # at a time.
    hash)
        for user in $(seq 12); do load 1 "?user=$user" >/dev/null 2>&1 & done
        wait
        ;;
    *) load 12 "" ;;
esac
sleep 1
said=$(docker logs --since "$since" balancer 2>/dev/null | awk 'NF == 3')
echo "$said" | awk '
    { seen[$2]++ }
    END { for (name in seen) printf "%s %.1f %% of %d requests\n", name, 100 * seen[name] / NR, NR }' | sort
echo "$said" | awk '{ print 1000 * $3 }' | sort -n | awk '
    { took[NR] = $1 }
    END { split("50 90 99", all); for (n = 1; n <= 3; n++) printf "p%d %d ms\n", all[n], took[int((NR * all[n] + 99) / 100)] }'
