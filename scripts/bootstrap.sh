#!/bin/sh
# Make this checkout ready to run (`bootstrap.sh run`), to be tested (`bootstrap.sh test`) or to be measured beside its
# peers (`bootstrap.sh bench`), on a bare Debian 12 or 13 with Python >= 3.11, git and make. What is there already is
# left alone: a second call takes less than a second.
set -eu
cd "$(dirname "$0")/.."
what="${1:-run}"

say() { printf '%s\n' "$*"; }
fail() { printf 'gridward: %s\n' "$*" >&2; exit 1; }

# -- Debian packages ----------------------------------------------------------------------------------------------
have_postgis() {
    for server in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql*/bin /opt/postgresql*/bin; do
        [ -x "$server/initdb" ] || continue
        home=$(dirname "$server")
        for share in "$home/share/extension" "$home/share/postgresql/extension" \
                     "/usr/share/postgresql/$(basename "$home")/extension"; do
            [ -e "$share/postgis.control" ] && return 0
        done
    done
    return 1
}
have_chromium() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; }
have_chinese_font() { [ -e /usr/share/fonts/truetype/wqy/wqy-zenhei.ttc ] || [ -d /usr/share/fonts/opentype/noto ]; }

find_python() {
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

python=$(find_python) || fail "no Python >= 3.11 was found (looked for python3, python3.11 to python3.14 on PATH). Install one: apt-get install python3"
packages=""
if [ -z "${GRIDWARD_DATABASE_URL:-}" ] || [ "$what" != run ]; then
    have_postgis || packages="$packages postgresql-postgis postgresql-postgis-scripts"
fi
[ -x .venv/bin/python ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
if [ "$what" = test ]; then
    have_chromium || packages="$packages chromium"
    have_chinese_font || packages="$packages fonts-wqy-zenhei"
fi

if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ]; then
        root=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo"
    else
        own=""
        # The tests always make databases of their own, so an address helps only the demo.
        case "$what $packages" in
            run*postgis*) own="; (3) set GRIDWARD_DATABASE_URL and GRIDWARD_OWNER_URL to a PostgreSQL with PostGIS of your own" ;;
        esac
        fail "these packages are missing and cannot be installed without root:$packages
  Remedies: (1) as root: apt-get install$packages; (2) run make as root or with passwordless sudo$own."
    fi
    command -v apt-get >/dev/null 2>&1 || fail "these are missing and there is no apt-get to install them with:$packages
  Remedy: install PostgreSQL with PostGIS (and Chromium for the tests) by your system's own means."
    started=$(date +%s)
    say "Installing$packages …"
    # The packages would start a server of their own; the private one under var/ is all that is wanted.
    if ! dpkg -s postgresql-common >/dev/null 2>&1; then
        $root mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo 'create_main_cluster = false' | $root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    install() {
        # shellcheck disable=SC2086 - the list is meant to be split
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 $packages
    }
    log=$(mktemp)
    $root apt-get update -qq >"$log" 2>&1 || true
    if ! install >>"$log" 2>&1 && ! { sleep 5; $root apt-get update -qq >>"$log" 2>&1; install >>"$log" 2>&1; }; then
        tail -n 15 "$log" >&2
        fail "apt-get could not install$packages; the lines above say why."
    fi
    rm -f "$log"
    say "  done in $(($(date +%s) - started)) s"
    # A Python without its venv module has it now.
    python=$(find_python)
fi

# -- Python packages ----------------------------------------------------------------------------------------------
extra=""
[ "$what" = test ] && extra="[dev]"
[ "$what" = bench ] && extra="[bench]"
if [ -x .venv/bin/python ] && ! .venv/bin/python -c '' 2>/dev/null; then
    say "The virtual environment's Python is gone; making it anew."
    rm -rf .venv
fi
if [ ! -x .venv/bin/python ]; then
    say "Making the virtual environment .venv …"
    "$python" -m venv .venv
fi
# The checkout's own path is part of the stamp: a moved or copied environment points at the old place.
stamp=$( (cat setup.cfg pyproject.toml; .venv/bin/python --version; pwd) | cksum | tr ' ' '-')
if ! grep -qsx "$stamp" ".venv/.ready-$what" 2>/dev/null && ! { [ "$what" = run ] && grep -qsx "$stamp" .venv/.ready-test .venv/.ready-bench; }; then
    started=$(date +%s)
    say "Installing Python packages (about a minute the first time) …"
    log=$(mktemp)
    if ! .venv/bin/python -m pip install --disable-pip-version-check --quiet -e ".$extra" >"$log" 2>&1; then
        sleep 5
        .venv/bin/python -m pip install --disable-pip-version-check --quiet -e ".$extra" >"$log" 2>&1 || {
            tail -n 15 "$log" >&2
            fail "pip could not install the packages; the lines above say why."
        }
    fi
    rm -f "$log"
    echo "$stamp" >".venv/.ready-$what"
    say "  done in $(($(date +%s) - started)) s"
fi
