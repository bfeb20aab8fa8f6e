#!/usr/bin/env bash
# make up: servers, emulator and Simward on this machine, ready to try. A second run only starts what is missing.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

PROFILE=${PROFILE:-release}

check_settings() {
  load_env_file "$CHECKOUT/.env"
  forget_own_addresses
  if uses_real_1nce; then
    [[ -n ${ONCE_CLIENT_ID-} && -n ${ONCE_CLIENT_SECRET-} ]] ||
      die "ONCE_API_BASE_URL is set, so ONCE_CLIENT_ID and ONCE_CLIENT_SECRET are needed too (environment or .env)"
  fi
}

# Two sources of SIMs in one database would look like a fleet that went missing.
check_source() {
  local source was
  source=$(if uses_real_1nce; then printf '%s' "${ONCE_API_BASE_URL%/}"; else printf emulator; fi)
  was=$(remembered SIM_SOURCE)
  [[ -z $was || $was == "$source" ]] || die "the SIMs in .local come from $was: run 'make clean', then 'make up'"
  SIM_SOURCE=$source
}

# The fleet is as large as asked for, or as it was: a smaller one would look like missing SIMs.
choose_fleet() {
  local was
  was=$(remembered FLEET)
  FLEET=${FLEET:-${was:-1000}}
  [[ $FLEET =~ ^(0|[1-9][0-9]*)$ ]] || die "FLEET=$FLEET is no number"
  [[ -z $was ]] || ((FLEET >= was)) || die "the fleet has $was SIMs already: run 'make clean' for a smaller one"
}

build() {
  step "build simward and once-emulator ($PROFILE; the first time takes minutes)"
  cargo build --profile "$PROFILE" -p simward -p once-emulator 9>&-
  BIN=$(binary_folder "$PROFILE")
  remember BIN "$BIN"
}

start_stack() {
  step "PostgreSQL with TimescaleDB, NATS and Redis"
  "$STACK" install 9>&-
  "$STACK" up "$STACK_DIR" 9>&-
}

start_emulator() {
  if uses_real_1nce; then
    stop_service once-emulator
    step "1NCE at $ONCE_API_BASE_URL"
    return 0
  fi
  choose_fleet
  step "1NCE emulator with $FLEET SIMs"
  until_it_has_a_port EMULATOR_PORT "${EMULATOR_PORT-}" try_emulator
  remember FLEET "$FLEET"
}

# Another checkout may take a free port first; then a second attempt finds another, unless the variable $1 was given
# the value $2. $3: one attempt, which returns 2 when the port is taken.
until_it_has_a_port() {
  local status
  for ATTEMPT in {1..5}; do
    status=0
    "$3" || status=$?
    ((status == 2)) || return "$status"
    [[ -z $2 ]] || die "$1=$2: something else listens there"
  done
  die "every port was taken by somebody else, five times"
}

# Whether somebody else has port $2, as far as one can see before service $1 tries.
is_taken() { ((ATTEMPT > 1)) || { ! service_running "$1" && port_in_use "$2"; }; }

try_emulator() {
  local port result=0
  port=${EMULATOR_PORT:-$(remembered EMULATOR_PORT)}
  if [[ -z $port ]] || is_taken once-emulator "$port"; then
    [[ -z ${EMULATOR_PORT-} ]] || return 2
    port=$(free_port)
  fi
  remember EMULATOR_PORT "$port"
  EMULATOR_LISTEN=127.0.0.1:$port FLEET=$FLEET start_service once-emulator || result=$?
  ((result == 0 || result == 3)) || die "once-emulator did not start"
  wait_for_http once-emulator "$port" "http://127.0.0.1:$port/_emulator/health" 30
}

# 8080 unless it is set, remembered or taken.
choose_listen() {
  SIMWARD_LISTEN=${LISTEN_GIVEN:-$(remembered SIMWARD_LISTEN)}
  SIMWARD_LISTEN=${SIMWARD_LISTEN:-127.0.0.1:8080}
  if is_taken simward "${SIMWARD_LISTEN##*:}"; then
    [[ -z $LISTEN_GIVEN ]] || return 2
    SIMWARD_LISTEN=127.0.0.1:$(free_port)
  fi
  remember SIMWARD_LISTEN "$SIMWARD_LISTEN"
  SIMWARD_URL=$(listen_url "$SIMWARD_LISTEN")
}

start_simward() {
  LISTEN_GIVEN=${SIMWARD_LISTEN-} ATTEMPT=1
  choose_listen || die "SIMWARD_LISTEN=$SIMWARD_LISTEN: something else listens there"
  # From here on SIMs are stored; an address that never got so far may still be mended.
  remember SIM_SOURCE "$SIM_SOURCE"
  export_simward_env
  step "migrate the database"
  "$BIN/simward" migrate >"$LOGS/migrate.log" 2>&1 9>&- || {
    tail -n 30 "$LOGS/migrate.log" >&2
    die "simward migrate failed"
  }
  until_it_has_a_port SIMWARD_LISTEN "$LISTEN_GIVEN" try_simward
}

try_simward() {
  local result=0
  choose_listen || return
  step "simward at $SIMWARD_URL"
  start_service simward run || result=$?
  ((result == 0 || result == 3)) || die "simward did not start"
  wait_for_http simward "${SIMWARD_LISTEN##*:}" "$SIMWARD_URL/health/ready" 60
}

# The key is kept until the database no longer knows it (another database, or its data was removed).
ensure_admin_key() {
  local status
  ADMIN_KEY=$(env_value "$DEV_ENV" SIMWARD_ADMIN_KEY)
  if [[ -n $ADMIN_KEY ]]; then
    status=$(api_status "$ADMIN_KEY")
    if [[ $status != 401 && $status != 403 ]]; then return 0; fi
  fi
  step "admin API key"
  ADMIN_KEY=$("$BIN/simward" keys create --name dev --scopes admin 2>"$LOGS/keys.log" 9>&-) || {
    tail -n 20 "$LOGS/keys.log" >&2
    die "simward keys create failed"
  }
  [[ $ADMIN_KEY =~ ^[^[:space:]]+$ ]] || die "simward keys create printed something other than a key"
}

# The key goes through standard input, so that no process list shows it.
api_status() {
  curl -sS -o /dev/null -w '%{http_code}' --max-time 5 -K - "$SIMWARD_URL/api/v1/sims?page_size=1" <<<"header = \"X-API-Key: $1\"" || true
}

write_dev_env() {
  {
    env_line SIMWARD_URL "$SIMWARD_URL"
    env_line SIMWARD_ADMIN_KEY "$ADMIN_KEY"
    if [[ -n $(remembered EMULATOR_PORT) && $ONCE_API_BASE_URL == "http://127.0.0.1:$(remembered EMULATOR_PORT)/"* ]]; then
      env_line EMULATOR_URL "http://127.0.0.1:$(remembered EMULATOR_PORT)"
    fi
    env_line DATABASE_URL "$DATABASE_URL"
    env_line NATS_URL "$(env_value "$STACK_DIR/stack.env" NATS_CONSUMER_URL)"
    env_line REDIS_URL "$REDIS_URL"
  } | write_private "$DEV_ENV"
}

farewell() {
  step "ready"
  cat <<TEXT

Simward runs at   $SIMWARD_URL    (documentation: $SIMWARD_URL/docs)
admin API key     $ADMIN_KEY
addresses         .local/dev.env

Try:
  curl -H "X-API-Key: $ADMIN_KEY" "$SIMWARD_URL/api/v1/sims?page_size=3"
  curl -H "X-API-Key: $ADMIN_KEY" "$SIMWARD_URL/api/v1/sync/status"
  make events
TEXT
}

check_settings
need_build_tools
mkdir -p "$RUN" "$LOGS"
chmod 700 "$LOGS" "$RUN"
exec 9>"$RUN/up.lock"
flock -n 9 || { step "waiting for another 'make up' or 'make down'"; flock 9; }
check_source
build
start_stack
start_emulator
start_simward
ensure_admin_key
write_dev_env
farewell
