#!/bin/sh
# Install the real servers that the tests speak to, where this user may.
#
# Only the programs are wanted: the tests start their own servers on free ports of the
# loopback. Nothing may be left running, on port 53 least of all. In CI (CI=true) a
# server that cannot be had is a failure; elsewhere its tests are skipped by name.
set -eu

# Slim images leave documentation out; the database schema is in there.
schema=/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql
packages="pdns-server pdns-backend-sqlite3"

present() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pdns_server >/dev/null 2>&1 &&
        [ -e "$schema" ]
}

without() {
    if [ "${CI:-}" = true ]; then
        echo "error: no PowerDNS ($1), and in CI nothing is skipped" >&2
        exit 1
    fi
    echo "skipped: the tests against a real PowerDNS ($1)" >&2
    echo "         for all of them: apt-get install $packages" >&2
    exit 0
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install() {
    # --reinstall brings back what an image left out of an installed package.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall \
        --no-install-recommends -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Options::="--path-include=/usr/share/doc/pdns-backend-sqlite3/*" \
        $packages >"$log" 2>&1
}

tidy() {
    rm -f "$log"
    # Only the policy that was written here is taken away.
    if [ -n "$policy" ]; then as_root rm -f "$policy"; fi
}

if present; then exit 0; fi
command -v apt-get >/dev/null 2>&1 || without "this is no Debian or Ubuntu"
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null ||
    without "installing it needs root or sudo without a password"

log=$(mktemp)
policy=
trap tidy EXIT
if [ ! -e /usr/sbin/policy-rc.d ]; then
    # Debian's way to say that a package shall not start its service (101: forbidden).
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi
echo "installing $packages ..." >&2
if ! install; then
    as_root apt-get update -qq >/dev/null 2>&1 || true
    if ! install; then
        tail -n 5 "$log" >&2
        without "its Debian packages cannot be installed"
    fi
fi
if [ -d /run/systemd/system ]; then
    as_root systemctl disable --quiet --now pdns.service || true
fi
present || without "it was installed, and is not where it is looked for"
