#!/bin/sh
# Installs flexloop into an image, from the sources beside this script. Usage: install.sh [EXTRAS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
prefix=/opt/flexloop

if [ -f /run/secrets/ca ]; then
  export PIP_CERT=/run/secrets/ca
fi

usable_python() {
  for candidate in python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
}

python=$(usable_python)
if [ -z "$python" ]; then
  apt-get update
  # Ubuntu 22.04 calls a new enough Python python3.11, Debian and later Ubuntus python3.
  apt-get install -y --no-install-recommends python3.11 python3.11-venv ||
    apt-get install -y --no-install-recommends python3 python3-venv
  rm -rf /var/lib/apt/lists/*
  python=$(usable_python)
fi
if [ -z "$python" ]; then
  echo "the base image has no Python 3.11 or newer and its package manager offers none; choose another BASE" >&2
  exit 1
fi

"$python" -m venv "$prefix"
"$prefix/bin/python" -m pip install --no-cache-dir --disable-pip-version-check "$source${1:+[$1]}"

install -m 755 "$here/flexloop" "$here/flexloop-entrypoint" /usr/local/bin
for program in model mapper; do
  command -v "timeloop-$program" >/dev/null || install -m 755 "$here/timeloop-$program" /usr/local/bin
done
rm -rf "$source"

# A place to work in for any user id.
[ -d /home/workspace ] || mkdir -m 1777 /home/workspace

# Compile the kernels once, for everybody (see docker/flexloop).
export NUMBA_CACHE_DIR=$prefix/kernels
"$prefix/bin/flexloop" warm
chmod -R a+rX "$NUMBA_CACHE_DIR"
