#!/bin/sh
# Builds the programs that go into the images, static, and puts them into a folder: compose/binaries.sh [FOLDER]
set -eu
cd "$(dirname "$0")/.."
folder=${1:-target/images}
programs=${PROGRAMS:-"$(cat compose/programs) lab"}

# Without a target of its own, the flags would apply to build scripts and procedural macros too.
host=$(rustc -vV | sed -n 's/^host: //p')
set --
for program in $programs; do
    set -- "$@" -p "$program"
done
# The folders of this machine have no business in the programs: the same source gives the same bytes, wherever it lies.
RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/swarmlab \
    --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo ${RUSTFLAGS:-}" cargo build --release --locked --target "$host" "$@"

mkdir -p "$folder"
for program in $programs; do
    built=${CARGO_TARGET_DIR:-target}/$host/release/$program
    cp "$built" "$folder/$program"
    # The same program makes the same layer, whenever it was built.
    touch -d @0 "$folder/$program"
done
