# shellcheck shell=bash
# The development installation in .local: where things lie and which settings hold. Its two programs are started and
# stopped by `simward dev` (crates/simward/src/dev). Sourced by up.sh, down.sh, status.sh and the other scripts behind
# the Makefile.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CHECKOUT=$(cd "$HERE/../.." && pwd -P)
# shellcheck source=deploy/dev/lib/common.sh
. "$HERE/lib/common.sh"
# shellcheck source=deploy/dev/lib/packages.sh
. "$HERE/lib/packages.sh"
# shellcheck source=deploy/dev/lib/services.sh
. "$HERE/lib/services.sh"
LOCAL=$CHECKOUT/.local
STACK=$HERE/stack
STACK_DIR=$LOCAL/stack
RUN=$LOCAL/run
LOGS=$LOCAL/log
DEV_ENV=$LOCAL/dev.env
# What the installation runs and is stopped with, whatever becomes of the target folder.
PROGRAMS=$LOCAL/bin
SIMWARD=$PROGRAMS/simward
PROFILE=${PROFILE:-release}
cd "$CHECKOUT" || exit 1

# Rust that rustup has installed is not in the path of every shell.
need_cargo() {
  if ! command -v cargo >/dev/null 2>&1 && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  fi
  need cargo "install Rust with rustup; Cargo.toml says which version (rust-version)"
}

# "[ 12s] words": what happens now, and how long it took to get here.
step() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }

need_build_tools() {
  need_cargo
  install_build_tools
}

# One 'make up' or 'make down' at a time: until this script ends, unless what it starts inherits file 9. $1: who else.
take_lock() {
  mkdir -p "$RUN" "$LOGS"
  chmod 700 "$RUN" "$LOGS"
  exec 9>"$RUN/up.lock"
  flock -n 9 || { step "waiting for $1"; flock 9; }
}

# Builds the programs and puts them into the installation.
build_programs() {
  local folder name
  step "build simward and once-emulator ($PROFILE; the first time takes minutes)"
  cargo build --profile "$PROFILE" -p simward -p once-emulator 9>&-
  folder=$(binary_folder "$PROFILE")
  mkdir -p "$PROGRAMS"
  for name in simward once-emulator; do
    # A link costs nothing; where the target folder lies on another disk, it is a copy.
    ln -f "$folder/$name" "$PROGRAMS/$name" 2>/dev/null || cp -pf --remove-destination "$folder/$name" "$PROGRAMS/$name"
  done
}

# The folder of the binaries of cargo profile $1, wherever the target folder was put.
binary_folder() {
  local target
  target=$(cargo metadata --no-deps --offline --format-version 1 2>/dev/null | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p') || true
  if [[ -z $target ]]; then target=$(cd "$CHECKOUT" && readlink -m "${CARGO_TARGET_DIR:-target}"); fi
  case $1 in
    dev | test) printf '%s/debug\n' "$target" ;;
    *) printf '%s/%s\n' "$target" "$1" ;;
  esac
}

# simward_dev COMMAND...: of this installation; the times that it shows go on from this script's.
simward_dev() { "$SIMWARD" dev --elapsed "$SECONDS" "$@" 9>&-; }

# The address variables that are this installation's own (somebody sourced dev.env) are forgotten,
# so that only servers given from outside replace the private ones.
forget_own_addresses() {
  local key file own
  for key in "${ADDRESS_KEYS[@]}"; do
    for file in "$DEV_ENV" "$STACK_DIR/stack.env"; do
      own=$(env_value "$file" "$key")
      if [[ -n $own && ${!key-} == "$own" && $(stack_is_external "$key") == no ]]; then unset "$key"; fi
    done
  done
}

# Reads .env, which what the caller set wins over. The Data Streamer's login out of a sourced dev.env is not the
# caller's: an old shell would undo what .env says now.
load_settings() {
  local key own
  for key in DATASTREAMER_USER DATASTREAMER_PASSWORD; do
    own=$(env_value "$DEV_ENV" "$key")
    if [[ -n $own && ${!key-} == "$own" ]]; then unset "$key"; fi
  done
  load_env_file "$CHECKOUT/.env"
  forget_own_addresses
}

# "yes" when the stack's record says that the server behind variable $1 was given from outside.
stack_is_external() {
  local prefix
  case $1 in
    NATS_*) prefix=NATS ;;
    REDIS_*) prefix=REDIS ;;
    *) prefix=PG ;;
  esac
  if [[ -n $(env_value "$STACK_DIR/stack.state" "${prefix}_EXTERNAL") ]]; then echo yes; else echo no; fi
}
