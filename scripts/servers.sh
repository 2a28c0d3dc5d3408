#!/bin/sh
# Install the real programs that the tests use, where this user may: servers to speak
# to, and a browser that opens the pages.
#
# Only the programs are wanted: the tests start their own servers on free ports of the
# loopback. Nothing may be left running, on port 53 least of all. In CI (CI=true) a
# program that cannot be had is a failure; elsewhere its tests are skipped by name.
set -eu

# Slim images leave documentation out; the database schema is in there.
schema=/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql

has_powerdns() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pdns_server >/dev/null 2>&1 &&
        [ -e "$schema" ]
}

has_pebble() {
    command -v pebble >/dev/null 2>&1
}

has_nginx() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nginx >/dev/null 2>&1
}

has_prometheus() {
    command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1
}

has_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1
}

# Signed commits: git has ssh-keygen make and verify the signatures.
has_ssh() {
    command -v ssh-keygen >/dev/null 2>&1
}

has_restic() {
    command -v restic >/dev/null 2>&1
}

# Their programs alone: drills start servers of their own, and throw them away.
has_postgresql() {
    command -v psql >/dev/null 2>&1 && command -v pg_dump >/dev/null 2>&1 &&
        ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

has_mariadb() {
    PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null 2>&1 &&
        command -v mariadb-install-db >/dev/null 2>&1 &&
        command -v mariadb-dump >/dev/null 2>&1
}

packages_of() {
    case $1 in
    postgresql) echo "postgresql postgresql-client" ;;
    mariadb) echo "mariadb-server-core mariadb-client" ;;
    powerdns) echo "pdns-server pdns-backend-sqlite3" ;;
    nginx) echo "nginx-light" ;;
    pebble) echo "pebble" ;;
    prometheus) echo "prometheus" ;;
    chromium) echo "chromium" ;;
    ssh) echo "openssh-client" ;;
    restic) echo "restic" ;;
    esac
}

without() {
    if [ "${CI:-}" = true ]; then
        echo "error: no $1 ($2), and in CI nothing is skipped" >&2
        exit 1
    fi
    echo "skipped: the tests with a real $1 ($2)" >&2
    echo "         for all of them: apt-get install $(packages_of "$1")" >&2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install() {
    # --reinstall brings back what an image left out of an installed package.
    # shellcheck disable=SC2046  # packages are words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall \
        --no-install-recommends -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Options::="--path-include=/usr/share/doc/pdns-backend-sqlite3/*" \
        $(packages_of "$1") >"$log" 2>&1
}

tidy() {
    rm -f "$log"
    # Only the policy that was written here is taken away.
    if [ -n "$policy" ]; then as_root rm -f "$policy"; fi
}

cannot() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "this is no Debian or Ubuntu"
    elif [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        echo "installing it needs root or sudo without a password"
    fi
}

get() {
    echo "installing $(packages_of "$1") ..." >&2
    if ! install "$1"; then
        as_root apt-get update -qq >/dev/null 2>&1 || true
        if ! install "$1"; then
            tail -n 5 "$log" >&2
            without "$1" "its Debian packages cannot be installed"
            return
        fi
    fi
    "has_$1" || without "$1" "it was installed, and is not where it is looked for"
}

missing=
for program in powerdns nginx pebble prometheus chromium ssh restic postgresql mariadb; do
    "has_$program" || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

why=$(cannot)
if [ -n "$why" ]; then
    for program in $missing; do without "$program" "$why"; done
    exit 0
fi

log=$(mktemp)
policy=
trap tidy EXIT
if [ ! -e /usr/sbin/policy-rc.d ]; then
    # Debian's way to say that a package shall not start its service (101: forbidden).
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi
for program in $missing; do get "$program"; done
case $missing in
*powerdns*)
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now pdns.service || true
    fi
    ;;
esac
case $missing in
*nginx*)
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now nginx.service || true
    fi
    ;;
esac
case $missing in
*postgresql*)
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now postgresql.service || true
    fi
    ;;
esac
case $missing in
*prometheus*)
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now prometheus.service || true
    fi
    ;;
esac
