#!/bin/sh
# Measures a way of sharing: share.sh NAME [SECONDS]. It gives the balancer the file nginx/NAME.conf, loads it with 12 requests at a
# time, and says how it did and how many percent of the requests each server got.
set -eu
cp "$(dirname "$0")/nginx/$1.conf" ~/work/platform/nginx.conf
docker exec balancer nginx -s reload 2>/dev/null
# The old processes of nginx take no new connections a moment later.
sleep 2
since=$(date +%s)
# On a machine that has other things to do it warns, and ends with a code of its own: the shares are right all the same.
loadgen bench -d "${2:-10}s" -c 12 http://127.0.0.1:8000/ || true
sleep 1
docker logs --since "$since" balancer 2>/dev/null | awk '
    NF == 3 { seen[$2]++; all++ }
    END { for (name in seen) printf "%s %.1f %% of %d requests\n", name, 100 * seen[name] / all, all }' | sort
