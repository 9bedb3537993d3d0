#!/bin/sh
# Builds the application's images on the node that it runs on, unless they are there and nothing has changed since:
# images.sh compose | registry [SERVICE...]
#
# compose: those that compose.yml runs. registry: two versions of each, and of those that are named, tagged for the registry at 127.0.0.1:5000.
set -eu
kind=$1
shift
names="hasher rng webui worker $*"
# What the images are made of: the programs where they are built already, else the source.
if [ -x target/images/rng ]; then from=target/images; context="--build-context binaries=target/images"; else from="services Cargo.lock"; context=; fi
# What is not there is compiled together, once for all images.
programs=$(cat compose/programs)
# shellcheck disable=SC2086 # folders, one or two
stamp=$(find $from compose/Dockerfile compose/compose.yml -type f | sort | xargs cat | sha256sum | cut -c 1-16)
built=/var/tmp/swarmlab-images-$kind-$stamp
present() {
    for image in "$@"; do docker image inspect "$image" >/dev/null 2>&1 || return 1; done
}
case $kind in
    compose)
        present dockercoins/hasher dockercoins/rng dockercoins/webui dockercoins/worker && [ -e "$built" ] && exit
        docker compose build -q
        ;;
    registry)
        images=
        for name in $names; do images="$images 127.0.0.1:5000/$name:v0.1 127.0.0.1:5000/$name:v0.2"; done
        # shellcheck disable=SC2086 # names without blanks
        present $images && [ -e "$built" ] && exit
        for name in $names; do
            for tag in v0.1 v0.2; do
                # shellcheck disable=SC2086 # two words, or none
                docker build -q -f compose/Dockerfile --target "$name" $context --build-arg PROGRAMS="$programs" --build-arg VERSION=$tag -t "127.0.0.1:5000/$name:$tag" .
            done
        done
        ;;
    *) echo "images.sh: compose or registry, not $kind" >&2; exit 2 ;;
esac
touch "$built"
