# What check.sh and lab/vm/run.sh share: packages that are installed, a Docker engine that runs, and which programs are built. Sourced by bash.

# What a `lab cluster` and its images are made with. A `?` is for a package that only some releases have: Debian 13 has the client in one of its own.
ENGINE_PACKAGES=(docker.io docker-cli? debootstrap iproute2 iptables)
STARTED_ENGINE=
# Debian's ordinary users do not have the folder of dockerd and iptables on their path.
PATH=$PATH:/usr/sbin:/sbin

# The programs of all images that tests make: the application's, and a server of known capacity.
programs_of_images() { echo "$(cat compose/programs) known"; }

say() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# Runs a command as root. WHY is for the sentence where that is not possible: as_root WHY COMMAND...
as_root() {
    local why=$1
    shift
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "check: $why needs root, and there is no sudo: run this as root, or install sudo" >&2
        exit 1
    fi
}

there() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# Installs those packages that are missing. A service that a package brings is not started now, as tests start their own; at the next boot it is, as the package has it.
install() {
    local missing=() package
    for package in "$@"; do
        there "${package%\?}" || missing+=("$package")
    done
    # Looked up in the lists that are here: for what only some releases have, no lists are fetched.
    [ -n "$(printf '%s\n' "${missing[@]}" | grep -v '?$')" ] || return 0
    command -v apt-get >/dev/null || { echo "install these by hand: ${missing[*]%\?}" >&2; exit 1; }
    say "installing ${missing[*]%\?}"
    # The file that keeps services from starting is taken away however this ends.
    as_root "installing ${missing[*]%\?}" bash -c 'set -euo pipefail
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            trap "rm -f $policy" EXIT
            trap "exit 130" INT TERM HUP
            printf "#!/bin/sh\nexit 101\n" >"$policy"
            chmod 755 "$policy"
        fi
        apt-get update -qq
        names=()
        for package in "$@"; do
            if [[ $package != *\? ]]; then names+=("$package")
            elif apt-cache show "${package%\?}" >/dev/null 2>&1; then names+=("${package%\?}"); fi
        done
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >/dev/null' bash "${missing[@]}"
}

# The browser that tests look at pages with, as `chromium` on the path. Debian has a package. Ubuntu has a snap only, and its package `chromium-browser` installs that: it
# fails where no snapd runs, as in containers. Whatever else is there and speaks the same protocol will do.
install_browser() {
    command -v chromium >/dev/null && return
    local browser folder=$PWD/target/browser
    for browser in google-chrome google-chrome-stable chrome; do
        command -v "$browser" >/dev/null || continue
        mkdir -p "$folder"
        ln -sf "$(command -v "$browser")" "$folder/chromium"
        PATH=$folder:$PATH
        return
    done
    if grep -qs '^ID=ubuntu' "${OS_RELEASE:-/etc/os-release}"; then
        echo "check: Ubuntu has no package of Chromium: install Google Chrome from google.com/chrome, or \`sudo snap install chromium\`" >&2
        exit 1
    fi
    install chromium
}

start_engine() {
    local said log=target/dockerd.log
    said=$(docker version 2>&1) && return
    case $said in *"permission denied"*)
        echo "check: a Docker engine runs, and $(id -un) may not use it: run this as root, or \`sudo usermod -aG docker $(id -un)\` and log in anew" >&2
        exit 1
        ;;
    esac
    command -v dockerd >/dev/null || { echo "dockerd is not installed" >&2; exit 1; }
    say "starting a Docker engine"
    mkdir -p target
    : >"$log"
    # In a session of its own, so that ^C here does not stop it before the cluster is taken away. Whoever runs this may use it.
    STARTED_ENGINE=$(as_root "a Docker engine" sh -c 'setsid dockerd --group "$2" >>"$1" 2>&1 </dev/null & echo $!' sh "$log" "$(id -gn)") || exit 1
    for _ in $(seq 60); do
        docker version >/dev/null 2>&1 && return
        [ -d "/proc/$STARTED_ENGINE" ] || break
        sleep 0.5
    done
    echo "the Docker engine did not start within 30 s; its log ends:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

stop_engine() {
    [ -n "$STARTED_ENGINE" ] || return 0
    as_root "stopping the Docker engine" kill "$STARTED_ENGINE" 2>/dev/null || true
    # Containers have 10 s to stop.
    for _ in $(seq 120); do
        [ -d "/proc/$STARTED_ENGINE" ] || return 0
        sleep 0.25
    done
    echo "the Docker engine, process $STARTED_ENGINE, does not stop" >&2
}
