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
# RUSTFLAGS would be split at blanks, which a folder may have in its name; the encoded form has a sign between flags that no name has.
between=$(printf '\037')
flags="-C${between}target-feature=+crt-static${between}--remap-path-prefix=$PWD=/swarmlab"
flags="$flags${between}--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
set -f
for flag in ${RUSTFLAGS:-}; do flags=$flags$between$flag; done
set +f
CARGO_ENCODED_RUSTFLAGS=$flags cargo build --release --locked --target "$host" "$@"

mkdir -p "$folder"
for program in $programs; do
    built=${CARGO_TARGET_DIR:-target}/$host/release/$program
    cp "$built" "$folder/$program"
    # The same program makes the same layer, whenever it was built.
    touch -d @0 "$folder/$program"
done
