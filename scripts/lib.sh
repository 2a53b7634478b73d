# shellcheck shell=bash disable=SC2034
# What the scripts here share: packages, a private PostgreSQL, and leaving nothing behind.
# Sourced, never run. A script that sources it gets `set -euo pipefail` and stands in the repository's root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A target that imports what it does not declare builds here by luck and fails on somebody else's machine.
BUILD_FLAGS=(--explicit-target-dependency-import-check error)

# For data that nobody will miss: about five times faster on a slow disk.
THROWAWAY=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)

say() { printf '%s\n' "$*" >&2; }

# explain "$@": where --help is asked for, prints the comment at the script's top, and ends it.
explain() {
    case "${1:-}" in -h | --help) ;; *) return 0 ;; esac
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "scripts/$(basename "$0")"
    exit 0
}

# die CODE MESSAGE…: the codes are those of factpulse-worker (README, "Exit codes").
die() {
    local code=$1
    shift
    say "$(basename "$0"): $*"
    exit "$code"
}

# ---- Leaving nothing behind ------------------------------------------------------------------------------------

# open_workspace: makes WORKSPACE, a folder that goes, with every process named by `keep_until_exit`, when the script
# ends: by itself, by Ctrl-C, or by kill -9.
open_workspace() {
    # Not $TMPDIR: a socket's path may hold 107 bytes, and a folder under a 0700 home is closed to the server's user.
    WORKSPACE=$(mktemp -d /tmp/factpulse.XXXXXX)
    # Root's server runs as another user, who must get through to its own folder inside.
    if is_root; then chmod 0711 "$WORKSPACE"; fi
    mkdir "$WORKSPACE/pids"
    # A signal that only ended the command in the foreground would let the script go on.
    trap close_workspace EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # No trap runs on kill -9, so somebody outside waits for that. A session of its own: Ctrl-C must not reach it.
    WORKSPACE=$WORKSPACE setsid bash -s <<<"$(declare -f close_workspace)
        tail --pid=$$ -s 0.5 -f /dev/null
        close_workspace" >/dev/null 2>&1 &
    disown
}

# keep_until_exit PID [SIGNAL]: ends the process (SIGTERM unless told) when the script ends.
keep_until_exit() { echo "${2:-TERM}" >"$WORKSPACE/pids/$1"; }

# kill_now PID SIGNAL: and nobody signals that number again, which may by then be another process's.
kill_now() {
    rm -f "$WORKSPACE/pids/$1"
    kill -"$2" "$1"
}

# Signals everything that was started, waits up to 10 s for it to end, kills the rest, and removes the workspace.
# Called by the trap and by the watchdog; the second one finds nothing to do.
close_workspace() {
    [ -d "$WORKSPACE/pids" ] || return 0
    local entry pids=() tries=0
    for entry in "$WORKSPACE"/pids/*; do
        [ -e "$entry" ] || continue
        pids+=("${entry##*/}")
        kill -"$(cat "$entry")" "${entry##*/}" 2>/dev/null || true
    done
    while [ "${#pids[@]}" -gt 0 ] && [ "$tries" -lt 100 ] && kill -0 "${pids[@]}" 2>/dev/null; do
        sleep 0.1
        tries=$((tries + 1))
    done
    for entry in ${pids[@]+"${pids[@]}"}; do kill -KILL "$entry" 2>/dev/null || true; done
    rm -rf "$WORKSPACE"
}

# ---- Packages --------------------------------------------------------------------------------------------------

is_root() { [ "$(id -u)" -eq 0 ]; }

# Prints the folder of the newest server's initdb and postgres; fails where there is none.
find_pgbin() {
    local bin
    # pg_config would answer with libpq-dev alone, so the programs themselves are looked for.
    while read -r bin; do
        if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && [ -x "$bin/pg_ctl" ]; then
            echo "$bin"
            return 0
        fi
    done < <(
        echo "${PGBIN:-}"
        printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/opt/postgresql*/bin | sort -Vr
        dirname "$(command -v initdb || echo /nonexistent/initdb)"
    )
    return 1
}

# Prints the Debian packages whose contents are not there, however they might have come.
missing_packages() {
    command -v pkg-config >/dev/null || echo pkg-config
    pkg-config --exists libpq 2>/dev/null || echo libpq-dev
    pkg-config --exists zlib 2>/dev/null || echo zlib1g-dev
    find_pgbin >/dev/null || echo postgresql
    command -v git >/dev/null || echo git
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] || echo ca-certificates
    [ -e /usr/share/zoneinfo/Europe/Paris ] || echo tzdata
    command -v python3 >/dev/null || echo python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    # g++ is the one name, on every release, for the C and C++ headers and the linker that Swift needs.
    if ! command -v ld >/dev/null || ! compgen -G '/usr/include/c++/*/vector' >/dev/null; then echo g++; fi
    if ! swift build --version >/dev/null 2>&1; then echo libncurses6 libsqlite3-0 libcurl4 libxml2; fi
}

# Installs what is missing, and only that.
need_packages() {
    command -v swift >/dev/null ||
        die 69 "swift is not on the PATH. Install Swift 6.2 or later from https://www.swift.org/install and start again."
    local missing as_root=()
    mapfile -t missing < <(missing_packages | tr ' ' '\n')
    if [ "${#missing[@]}" -gt 0 ]; then
        if ! command -v apt-get >/dev/null; then
            die 69 "missing; install what your system calls these Debian packages: ${missing[*]}"
        elif ! is_root; then
            # Without a terminal nobody could type a password.
            if [ -t 0 ]; then as_root=(sudo); else as_root=(sudo -n); fi
            "${as_root[@]}" true 2>/dev/null || die 69 "missing; run as root: apt-get install ${missing[*]}"
        fi
        say "Installing ${missing[*]} …"
        install_packages "${missing[@]}"
        # SwiftPM would go on with a plan that it made without libpq's headers.
        touch Package.swift
    fi
    swift build --version >/dev/null 2>&1 ||
        die 69 "swift does not start here: $(swift build --version 2>&1 | head -1)"
}

# Runs in a subshell, so that its trap is its own.
install_packages() (
    dropin=/etc/postgresql-common/createcluster.d/factpulse.conf
    apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    quietly "${apt[@]}" update
    case " $* " in *" postgresql "*)
        # Debian's server package makes and starts a server of its own on port 5432. We need the programs only, so
        # that is switched off while the package is installed, and not a moment longer.
        quietly "${apt[@]}" install -y --no-install-recommends postgresql-common
        trap '"${as_root[@]}" rm -f "$dropin" && "${as_root[@]}" rmdir --ignore-fail-on-non-empty "${dropin%/*}"' EXIT
        "${as_root[@]}" mkdir -p "${dropin%/*}"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$dropin" >/dev/null
        ;;
    esac
    quietly "${apt[@]}" install -y --no-install-recommends "$@"
)

# quietly COMMAND…: shows the output only where the command fails.
quietly() {
    local output code=0
    output=$("$@" 2>&1 </dev/null) || code=$?
    [ "$code" -eq 0 ] || say "$output"
    return "$code"
}

# ---- A private PostgreSQL --------------------------------------------------------------------------------------

# as_server_user COMMAND…: PostgreSQL does not run as root.
as_server_user() {
    if ! is_root; then
        "$@"
    else
        local user=nobody
        if id -u postgres >/dev/null 2>&1; then user=postgres; fi
        setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@"
    fi
}

# start_postgres [-c NAME=VALUE]…: a server for this script alone, on a socket in WORKSPACE and no port, with the
# superuser `postgres`. Sets and exports DATABASE_URL. Prints nothing unless it fails.
start_postgres() {
    local bin home=$WORKSPACE/postgres
    bin=$(find_pgbin) || die 69 "no PostgreSQL server programs found; install the package postgresql, or set PGBIN"
    mkdir -m 0700 "$home"
    if is_root; then chown "$(as_server_user id -u)" "$home"; fi
    # The caller's folder may be closed to the server's user.
    (
        cd /
        quietly as_server_user env LC_ALL=C "$bin/initdb" -D "$home/data" -A trust -U postgres -E UTF8 --locale=C \
            --no-sync
    ) || die 69 "initdb failed"
    POSTGRES_OPTIONS=$*
    run_postgres
    export DATABASE_URL="postgresql://postgres@/postgres?host=$home"
}

# Starts the server in the folder that start_postgres made.
run_postgres() {
    local home=$WORKSPACE/postgres
    (
        cd /
        # Options reach the server through a shell: names and values here hold no blanks.
        as_server_user env LC_ALL=C "$(find_pgbin)/pg_ctl" start -s -w -t 60 -D "$home/data" -l "$home/log" \
            -o "-h '' -k $home -c max_connections=400 $POSTGRES_OPTIONS" >/dev/null
    ) || {
        say "PostgreSQL did not start. Its log:"
        cat "$home/log" >&2 || true
        exit 69
    }
    # SIGQUIT: nobody needs these files written out.
    keep_until_exit "$(head -1 "$home/data/postmaster.pid")" QUIT
}

# crash_postgres: ends the server without a checkpoint, as a crash of it would. run_postgres then recovers it.
crash_postgres() {
    local pid
    pid=$(head -1 "$WORKSPACE/postgres/data/postmaster.pid")
    kill_now "$pid" QUIT
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

# stop_postgres: for a script that goes on without it.
stop_postgres() {
    crash_postgres
    rm -rf "$WORKSPACE/postgres"
    unset DATABASE_URL
}
