# shellcheck shell=bash
# Debian packages that this machine lacks. Sourced, after common.sh.

# Arguments in pairs: a command, or the path of a file, and the package that brings it. Installs what is missing.
install_missing() {
  local packages=()
  while (($#)); do
    if ! is_there "$1"; then packages+=("$2"); fi
    shift 2
  done
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
}

# As root, with a sudo that needs no password, or with one that can ask a person; otherwise dies and says what to install.
install_packages() {
  local root=()
  command -v apt-get >/dev/null 2>&1 || die "missing on this machine: $* (Debian's names). Please install them"
  if ((EUID != 0)); then
    command -v sudo >/dev/null 2>&1 || die "missing, with neither root nor sudo to install it. Please run as root: apt-get install $*"
    root=(sudo)
    if sudo -n true 2>/dev/null; then
      root=(sudo -n)
    elif [[ ! -t 0 || ! -t 2 ]]; then
      die "missing, and sudo wants a password that nobody can be asked for. Please run: sudo apt-get install $*"
    fi
  fi
  say "    install $*"
  "${root[@]}" apt-get update -qq >&2 || die "the package lists could not be updated. Missing: $*"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
    die "these could not be installed: $*"
}

is_there() { if [[ $1 == /* ]]; then [[ -e $1 ]]; else command -v "$1" >/dev/null 2>&1; fi; }

# The programs build with these, and check certificates of 1NCE even when it is the emulated one.
install_build_tools() {
  local pairs=(cc build-essential curl curl setpriv util-linux flock util-linux setsid util-linux)
  if [[ -z ${SSL_CERT_FILE-}${SSL_CERT_DIR-} && -e /etc/debian_version ]]; then
    pairs+=(/etc/ssl/certs/ca-certificates.crt ca-certificates)
  fi
  install_missing "${pairs[@]}"
}
