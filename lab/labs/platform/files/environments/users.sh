#!/bin/sh
# Makes a token for each user: users.sh NAME... Lines `name token` go to
# ~/work/platform/users, and a header for curl to ~/work/platform/NAME.
set -eu
umask 077
mkdir -p ~/work/platform
cd ~/work/platform
: > users
for name in "$@"; do
    token=$(head -c 24 /dev/urandom | base64)
    echo "$name $token" >> users
    # A header in a file: what stands on a command line, everybody on this
    # machine can read.
    echo "Authorization: Bearer $token" > "$name"
done
cut -d ' ' -f 2 users > tokens
