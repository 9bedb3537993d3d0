#!/bin/sh
# Gives the registry another certificate, and waits until it answers with
# that: serve.sh FOLDER FILE, as certificate.sh made them.
set -eu
served=~/work/fleet/served
mkdir -p $served
cp "$1/$2.pem" $served/cert.pem
cp "$1/$2-key.pem" $served/key.pem
docker container inspect registry >/dev/null 2>&1 || exit 0
docker restart --time 1 registry >/dev/null
tries=0
until curl -ks -o /dev/null https://registry.lab:5443/v2/; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { echo "serve.sh: the registry does not answer; look at \`docker logs registry\`" >&2; exit 1; }
    sleep 0.5
done
