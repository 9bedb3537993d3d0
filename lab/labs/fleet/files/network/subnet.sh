#!/bin/sh
# Says which subnet a stack file gives to its network: subnet.sh FILE.
set -eu
file=$(docker stack config -c "$1")
echo "$file" | sed -n 's/^ *- subnet: //p' | grep . || { echo "$1 has no subnet" >&2; exit 1; }
