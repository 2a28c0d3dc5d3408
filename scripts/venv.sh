#!/bin/sh
# Make the virtual environment $1 with $PYTHON, where there is no working one yet.
set -eu

venv=$1
python=${PYTHON:-python3}

if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

if ! command -v "$python" >/dev/null 2>&1; then
    echo "error: there is no $python here; install Python 3.11 or newer," >&2
    echo "       or name one: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: Python 3.11 or newer is needed; $python is $("$python" -V 2>&1)." >&2
    echo "       Name another one: make PYTHON=python3.11" >&2
    exit 1
fi

# Debian ships ensurepip apart, in python3-venv. Without it (and without the right to
# install it) the pip that is there can still fill an empty environment.
rm -rf "$venv"
if "$python" -c 'import ensurepip' 2>/dev/null && "$python" -m venv "$venv"; then
    exit 0
fi
rm -rf "$venv"
if "$python" -m virtualenv "$venv" >/dev/null 2>&1; then
    exit 0
fi
rm -rf "$venv"
if "$python" -m pip --version >/dev/null 2>&1 &&
    "$python" -m venv --without-pip "$venv" &&
    "$python" -m pip --python "$venv/bin/python" install --quiet pip; then
    exit 0
fi
rm -rf "$venv"
echo "error: $python cannot make a virtual environment." >&2
echo "       On Debian and Ubuntu: apt-get install python3-venv" >&2
exit 1
