#!/bin/sh
# Brings the newest commit of the site to where it runs: pipeline.sh
# REPOSITORY [NODE]
#
# It asks the git server for the newest commit. If that is not the one that
# runs, it is built, pushed, and the service is updated. It may be run as
# often as you like, by cron for example. REGISTRY names another registry than
# the one on port 5000; log in to that before. The git client finds its
# password in the file that ~/.gitconfig or GIT_CONFIG_* name.
set -eu
# Whatever repository this was called in is not of interest here.
cd /
repository=$1
node=${2:-}
registry=${REGISTRY:-127.0.0.1:5000}
commit=$(git ls-remote "$repository" refs/heads/main | cut -f 1)
[ -n "$commit" ] || { echo "pipeline: there is no commit yet on main in $repository" >&2; exit 1; }
runs=$(docker service inspect site --format '{{index .Spec.Labels "commit"}}' 2>/dev/null || true)
if [ "$commit" = "$runs" ]; then
    echo "pipeline: nothing new since $commit"
    exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet --depth 1 --branch main "$repository" "$work/site"
# A commit's number is the best tag: it is never given twice.
image=$registry/site:$(echo "$commit" | cut -c 1-12)
docker build -q -t "$image" "$work/site" >/dev/null
docker push -q "$image"
if [ -n "$runs" ]; then
    docker service update --quiet --image "$image" --label-add "commit=$commit" site
else
    docker service create --quiet --detach --name site --label "commit=$commit" ${node:+--constraint "node.hostname==$node"} \
        --publish mode=host,published=8001,target=80 "$image"
    echo "pipeline: $commit is on its way"
    exit
fi
echo "pipeline: $commit runs"
