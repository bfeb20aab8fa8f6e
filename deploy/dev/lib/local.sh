# shellcheck shell=bash
# The development installation in .local: where things lie, which settings hold, and its two processes
# (once-emulator and simward). Sourced by up.sh, down.sh, status.sh and the other scripts behind the Makefile.

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

# Whether 1NCE itself is meant instead of the emulator.
uses_real_1nce() { [[ -n ${ONCE_API_BASE_URL-} ]]; }

# Exports what simward reads: the stack's addresses, the secret of the keys, the Data Streamer's login and 1NCE's address.
# The addresses of the stack replace the caller's: dev.env names the read-only bus login.
export_simward_env() {
  local key
  for key in "${ADDRESS_KEYS[@]}"; do
    export "$key=$(env_value "$STACK_DIR/stack.env" "$key")"
  done
  # Made once: with another secret every API key stored in the database would be void.
  SIMWARD_KEY_SECRET=${SIMWARD_KEY_SECRET:-$(secret SIMWARD_KEY_SECRET "$(random_hex 32)")}
  if ! uses_real_1nce; then
    ONCE_API_BASE_URL=http://127.0.0.1:$(remembered EMULATOR_PORT)/management-api
    ONCE_CLIENT_ID=990001_simward ONCE_CLIENT_SECRET=emulator-secret
    # The emulator travels in time, Simward does not.
    export SIMWARD__USAGE__MAX_FUTURE_HOURS=${SIMWARD__USAGE__MAX_FUTURE_HOURS:-876000}
  fi
  export SIMWARD_KEY_SECRET ONCE_API_BASE_URL ONCE_CLIENT_ID ONCE_CLIENT_SECRET
  export SIMWARD_LISTEN=${SIMWARD_LISTEN:-$(remembered SIMWARD_LISTEN)} RUST_LOG=${RUST_LOG:-info}
  export SIMWARD_INGEST_LISTEN=${SIMWARD_INGEST_LISTEN:-$(remembered SIMWARD_INGEST_LISTEN)}
  export_streamer_login
}

# The login that streams post with: as given, also in an earlier run, or made once.
export_streamer_login() {
  if [[ -n ${DATASTREAMER_USER-} && -n ${DATASTREAMER_PASSWORD-} ]]; then
    keep_secret DATASTREAMER_USER "$DATASTREAMER_USER"
    keep_secret DATASTREAMER_PASSWORD "$DATASTREAMER_PASSWORD"
  elif [[ -n ${DATASTREAMER_USER-}${DATASTREAMER_PASSWORD-} ]]; then
    die "DATASTREAMER_USER and DATASTREAMER_PASSWORD go together"
  fi
  DATASTREAMER_USER=$(secret DATASTREAMER_USER 1nce)
  DATASTREAMER_PASSWORD=$(secret DATASTREAMER_PASSWORD "$(random_hex 24)")
  export DATASTREAMER_USER DATASTREAMER_PASSWORD
}

# Secret $1 of .local/secrets.env; $2 becomes it where there is none yet.
secret() {
  if [[ -z $(env_value "$LOCAL/secrets.env" "$1") ]]; then keep_secret "$1" "$2"; fi
  env_value "$LOCAL/secrets.env" "$1"
}
keep_secret() { keep_line "$LOCAL/secrets.env" "$1" "$2"; }

# KEY $2 has value $3 in the private env file $1, whatever it had.
keep_line() {
  local rest
  rest=$(sed "/^$2=/d" "$1" 2>/dev/null || true)
  { printf '%s\n' "$rest" && env_line "$2" "$3"; } | sed '/^$/d' | write_private "$1"
}

# Small facts that a second start uses again (ports, the folder of the binaries).
remembered() { env_value "$RUN/remembered.env" "$1"; }
remember() { keep_line "$RUN/remembered.env" "$1" "$2"; }

service_pid() { read_pid "$RUN/$1.pid"; }
# Only the program that this checkout started: the number may be another checkout's Simward by now.
service_running() { is_process "$(service_pid "$1")" "/$1" "$1" && runs_binary "$1"; }
# The pid file's second line is its path; one that was built anew meanwhile is shown as deleted.
runs_binary() {
  local exe
  exe=$(readlink "/proc/$(service_pid "$1")/exe" 2>/dev/null) || return 1
  [[ ${exe% (deleted)} == "$(sed -n 2p "$RUN/$1.pid")" ]]
}
# Gone, whatever name it had: between the fork and the exec it has another.
service_ended() {
  local pid
  pid=$(service_pid "$1")
  [[ -z $pid ]] || ! kill -0 "$pid" 2>/dev/null || is_zombie "$pid"
}
# Simward gives requests in flight 35 seconds to end (crates/simward/src/run.rs).
stop_service() { ! service_running "$1" || stop_process "$(service_pid "$1")" "/$1" "$1" TERM "${2:-40}"; }

# Starts program $1 of the binaries with the arguments after it, in the environment of the caller, unless the
# same binary already runs in the same environment. Returns 0 when it was started, 3 when it was left running.
start_service() {
  local name=$1 exe="$BIN/$1" print settings
  shift
  settings='^(DATABASE_URL|GATEWAY_|SIM_|USAGE_|SIMWARD_|DATASTREAMER_|ONCE_|NATS_|REDIS_|RUST_LOG)'
  # The emulator forgets what was changed in it when it starts again.
  if [[ $name == once-emulator ]]; then settings='^(EMULATOR_|FLEET|RUST_LOG)'; fi
  print=$({
    stat -c '%n %Y %s' "$exe"
    printf '%s\n' "$@"
    env | grep -E "$settings" |
      grep -v -E '^(SIMWARD_URL|SIMWARD_ADMIN_KEY|SIMWARD_CACHE|DATASTREAMER_URL|EMULATOR_URL)=' | sort
  } | sha256sum | cut -d' ' -f1)
  if service_running "$name"; then
    if [[ $print == "$(read_pid "$RUN/$name.print")" ]]; then return 3; fi
    stop_service "$name"
  fi
  if [[ -s $LOGS/$name.log ]]; then mv -f "$LOGS/$name.log" "$LOGS/$name.old.log"; fi
  setsid "$exe" "$@" >"$LOGS/$name.log" 2>&1 </dev/null 9>&- &
  printf '%s\n' "$!" "$(readlink -f "$exe")" >"$RUN/$name.pid"
  printf '%s\n' "$print" >"$RUN/$name.print"
  disown
}

# Waits until the process $1 itself serves port $2 and URL $3 answers success, at most $4 seconds. Returns 2 when it
# ended because somebody else has the port.
wait_for_http() {
  local name=$1 port=$2 url=$3 deadline=$((SECONDS + $4))
  until listens "$(service_pid "$name")" "$port" && curl -fsS -o /dev/null --max-time 2 "$url" 2>/dev/null; do
    if service_ended "$name" && grep -q -i 'address already in use' "$LOGS/$name.log"; then return 2; fi
    if service_ended "$name" || ((SECONDS >= deadline)); then
      if ! service_ended "$name"; then say "$name runs but $url does not answer:"; else say "$name has ended:"; fi
      curl -sS --max-time 2 "$url" 2>&1 | head -c 600 >&2 || true
      say ""
      say "--- the end of ${LOGS#"$CHECKOUT/"}/$name.log"
      tail -n 30 "$LOGS/$name.log" >&2 || true
      die "$name did not become ready"
    fi
    sleep 0.1
  done
}

# http://... of a listen address; an address of all interfaces is reached by this machine's own.
listen_url() {
  local address=$1
  printf 'http://%s' "${address/#0.0.0.0:/127.0.0.1:}"
}
