# shellcheck shell=bash
# The judge of both contract checks, installed into the cache. Sourced, after common.sh and packages.sh; wants HERE and CHECKOUT.

readonly SCHEMATHESIS=4.32.5

step() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }

# Sets CACHE, and keeps it for this process on descriptor 9 until that is closed.
lock_cache() {
  mkdir -p "${SIMWARD_CACHE:-$CHECKOUT/.local/cache}/contract"
  CACHE=$(cd "${SIMWARD_CACHE:-$CHECKOUT/.local/cache}/contract" && pwd -P)
  exec 9>"$CACHE/.install.lock"
  flock 9
}

# Sets BASE_PYTHON to one that can make virtual environments; Debian keeps that part in a package of its own.
find_python() {
  for BASE_PYTHON in "$(command -v python3 || true)" /usr/bin/python3; do
    if [[ -n $BASE_PYTHON ]] && "$BASE_PYTHON" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' 2>/dev/null; then
      return 0
    fi
  done
  return 1
}

install_schemathesis() {
  local home=$CACHE/schemathesis-$SCHEMATHESIS
  PYTHON=$home/bin/python
  [[ -e $home/.complete && $(<"$home/.complete") == "$home" ]] && return 0
  step "schemathesis $SCHEMATHESIS into ${home#"$CHECKOUT/"}"
  find_python || { install_packages python3 python3-venv && find_python; } || die "python3 (3.10 or newer) with venv is missing"
  rm -rf "$home"
  "$BASE_PYTHON" -m venv "$home"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --requirement "$HERE/requirements.txt" >&2
  printf '%s\n' "$home" >"$home/.complete"
}
