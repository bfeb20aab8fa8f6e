#!/usr/bin/env bash
# make up: servers, emulator and Simward on this machine, ready to try. A second run only starts what is missing.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

PROFILE=${PROFILE:-release}

check_settings() {
  load_settings
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
  if [[ $SIM_SOURCE != emulator ]]; then
    stop_service once-emulator
    step "1NCE at $ONCE_API_BASE_URL"
    return 0
  fi
  choose_fleet
  step "1NCE emulator with $FLEET SIMs"
  until_it_has_a_port try_emulator
  remember FLEET "$FLEET"
}

# Another checkout may take a free port first; then a second attempt finds another. $1: one attempt, which returns 2
# when the port is taken.
until_it_has_a_port() {
  local status
  for ATTEMPT in {1..5}; do
    status=0
    "$1" || status=$?
    ((status == 2)) || return "$status"
  done
  die "every port was taken by somebody else, five times"
}

# Whether somebody else than service $1 has port $2, as far as one can see before it tries.
is_taken() { port_in_use "$2" && ! { service_running "$1" && listens "$(service_pid "$1")" "$2"; }; }

try_emulator() {
  local port result=0
  port=${EMULATOR_PORT:-$(remembered EMULATOR_PORT)}
  if [[ -z $port ]] || ((ATTEMPT > 1)) || is_taken once-emulator "$port"; then
    [[ -z ${EMULATOR_PORT-} ]] || die "EMULATOR_PORT=$EMULATOR_PORT: something else listens there"
    port=$(free_port)
  fi
  remember EMULATOR_PORT "$port"
  EMULATOR_LISTEN=127.0.0.1:$port FLEET=$FLEET EMULATOR_STREAM_URL=$DATASTREAMER_URL \
    EMULATOR_STREAM_USER=$DATASTREAMER_USER EMULATOR_STREAM_PASSWORD=$DATASTREAMER_PASSWORD \
    EMULATOR_STREAM_HISTORY_DAYS=${EMULATOR_STREAM_HISTORY_DAYS:-$((FLEET > 5000 ? 2 : 30))} \
    start_service once-emulator || result=$?
  ((result == 0 || result == 3)) || die "once-emulator did not start"
  wait_for_http once-emulator "$port" "http://127.0.0.1:$port/_emulator/health" 30
}

# The address of the REST API and that of the receiver, which the emulator is told before Simward starts.
choose_addresses() {
  choose_address SIMWARD_LISTEN "$LISTEN_GIVEN" 127.0.0.1:8080 "$INGEST_GIVEN"
  choose_address SIMWARD_INGEST_LISTEN "$INGEST_GIVEN" 127.0.0.1:8081 "$SIMWARD_LISTEN"
  SIMWARD_URL=$(listen_url "$SIMWARD_LISTEN")
  DATASTREAMER_URL=$(listen_url "$SIMWARD_INGEST_LISTEN")/datastreamer/v1
}

# Sets variable $1: the address $2 that was given, or else the remembered one or $3, unless the port is taken or is
# that of address $4.
choose_address() {
  local address
  address=${2:-$(remembered "$1")}
  address=${address:-$3}
  if [[ ${address##*:} == "${4##*:}" ]] || is_taken simward "${address##*:}" || was_refused "$address"; then
    [[ -z $2 ]] || die "$1=$2: something else listens there"
    address=127.0.0.1:$(free_port)
  fi
  remember "$1" "$address"
  printf -v "$1" '%s' "$address"
}

# Whether the attempt before found somebody else at address $1.
was_refused() { ((ATTEMPT > 1)) && grep -q -F "cannot listen on $1: " "$LOGS/simward.log"; }

start_simward() {
  # From here on SIMs are stored; an address that never got so far may still be mended.
  remember SIM_SOURCE "$SIM_SOURCE"
  export_simward_env
  step "migrate the database"
  "$BIN/simward" migrate >"$LOGS/migrate.log" 2>&1 9>&- || {
    tail -n 30 "$LOGS/migrate.log" >&2
    die "simward migrate failed"
  }
  until_it_has_a_port try_simward
}

try_simward() {
  local result=0 told=$DATASTREAMER_URL
  if ((ATTEMPT > 1)); then
    choose_addresses
    if [[ $DATASTREAMER_URL != "$told" ]]; then start_emulator; fi
  fi
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
  ADMIN_KEY=$("$BIN/simward" keys create --name dev --scopes admin --per-minute 10000 --per-hour 100000 2>"$LOGS/keys.log" 9>&-) || {
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
    env_line DATASTREAMER_URL "$DATASTREAMER_URL"
    env_line DATASTREAMER_USER "$DATASTREAMER_USER"
    env_line DATASTREAMER_PASSWORD "$DATASTREAMER_PASSWORD"
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
Data Streamer     $DATASTREAMER_URL
addresses         .local/dev.env

Try:
  curl -H "X-API-Key: $ADMIN_KEY" "$SIMWARD_URL/api/v1/sims?page_size=3"
  curl -H "X-API-Key: $ADMIN_KEY" "$SIMWARD_URL/api/v1/sync/status"
  make events
TEXT
  if [[ $SIM_SOURCE == emulator ]]; then try_usage; fi
}

# One usage record as 1NCE posts it, and what became of it. A made-up record is nothing for a fleet that is real.
try_usage() {
  local iccid=8988280666000000001 login
  printf -v login '%q' "$DATASTREAMER_USER:$DATASTREAMER_PASSWORD"
  cat <<TEXT
  curl -u $login -H "Content-Type: application/json" "$DATASTREAMER_URL" -d '[{
    "id":'\$(date +%s)',"start_timestamp":"'\$(date -u +%FT%TZ)'","end_timestamp":"'\$(date -u +%FT%TZ)'",
    "imsi":"901405100000001","imsi_id":1,"organisation":{"id":42,"name":"99000001"},
    "sim":{"id":1,"iccid":"$iccid","msisdn":"882285100000001"},
    "endpoint":{"id":1,"name":"$iccid","ip_address":"100.64.0.1","imei":"3500000000000101"},
    "operator":{"id":2,"name":"Example Mobile","mnc":"01","country":{"id":74,"mcc":"262","name":"Germany"}},
    "tariff":{"id":1,"name":"Flat","ratezone":{"id":1,"name":"RZ1"}},
    "traffic_type":{"id":5,"description":"Data"},"volume":{"total":0.25,"tx":0.2,"rx":0.05},
    "detail":{"pdp_context":{"rat_type":6,"ipcan_session_id":"0b0e5a52-0000-4000-8000-000000000001"}}}]'
  curl -H "X-API-Key: $ADMIN_KEY" "$SIMWARD_URL/api/v1/sims/$iccid/usage?granularity=hourly&start_date=\$(date -u +%F)&end_date=\$(date -u +%F)"
TEXT
}

check_settings
LISTEN_GIVEN=${SIMWARD_LISTEN-} INGEST_GIVEN=${SIMWARD_INGEST_LISTEN-} ATTEMPT=1
need_build_tools
mkdir -p "$RUN" "$LOGS"
chmod 700 "$LOGS" "$RUN"
exec 9>"$RUN/up.lock"
flock -n 9 || { step "waiting for another 'make up' or 'make down'"; flock 9; }
check_source
build
start_stack
choose_addresses
export_streamer_login
start_emulator
start_simward
ensure_admin_key
write_dev_env
farewell
