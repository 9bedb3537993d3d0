#!/bin/sh
# Builds the programs of the images twice, in two folders of different names, and compares them: compose/reproduce.sh
#
# PROGRAMS names fewer of them. What is compared is what is committed. An image whose program is the same has the same layers.
set -eu
cd "$(dirname "$0")/.."
PROGRAMS=${PROGRAMS:-"$(cat compose/programs) lab"}
export PROGRAMS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
for name in one another-folder; do
    git clone -q . "$folder/$name"
    CARGO_TARGET_DIR="$folder/$name/target" sh "$folder/$name/compose/binaries.sh"
    (cd "$folder/$name/target/images" && sha256sum $PROGRAMS) >"$folder/$name.sums"
done
cat "$folder/one.sums"
if ! cmp -s "$folder/one.sums" "$folder/another-folder.sums"; then
    echo "reproduce: they differ; the second time they were:" >&2
    cat "$folder/another-folder.sums" >&2
    exit 1
fi
echo "the same bytes both times"
