#!/bin/sh
# Starts a server of etcd in a container: etcd.sh NAME NAME=ADDRESS..., all
# servers with their private addresses, this one among them.
#
# Servers speak with one another on their private addresses, port 2380.
# Programs speak to the one on their own machine, on 127.0.0.1, port 2379;
# ETCD_CLIENTS is another address for them.
set -eu
name=$1
shift
own= all=
for server in "$@"; do
    [ "${server%%=*}" != "$name" ] || own=http://${server#*=}:2380
    all=$all${all:+,}${server%%=*}=http://${server#*=}:2380
done
[ -n "$own" ] || { echo "etcd.sh: $name is none of: $*" >&2; exit 2; }
exec docker run --detach --name etcd --network host --volume etcd:/data 127.0.0.1:5000/etcd:1 --name "$name" --log-level warn \
    --initial-cluster "$all" --initial-advertise-peer-urls "$own" --listen-peer-urls "$own" \
    --listen-client-urls "http://${ETCD_CLIENTS:-127.0.0.1}:2379" --advertise-client-urls http://127.0.0.1:2379
