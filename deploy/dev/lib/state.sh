# shellcheck shell=bash
# What a stack remembers in its folder: stack.state (ports and passwords, for these scripts) and
# stack.env (addresses, for everybody else), both readable by their owner only.

PASSWORD_KEYS=(PG_PASSWORD NATS_PASSWORD CONSUMER_PASSWORD REDIS_PASSWORD)
for schema in "${SCHEMAS[@]}"; do PASSWORD_KEYS+=("$(password_key "$schema")"); done
unset schema
readonly PASSWORD_KEYS STATE_KEYS=(EPHEMERAL PG_PORT NATS_PORT REDIS_PORT "${PASSWORD_KEYS[@]}" PG_EXTERNAL NATS_EXTERNAL
  NATS_CONSUMER_EXTERNAL REDIS_EXTERNAL)
declare -gA STATE=()

# Loads the state of $DIR, making passwords where there are none yet.
load_state() {
  local key
  for key in "${STATE_KEYS[@]}"; do STATE[$key]=$(env_value "$DIR/stack.state" "$key"); done
  for key in "${PASSWORD_KEYS[@]}"; do
    [[ -n ${STATE[$key]} ]] || STATE[$key]=$(random_hex 16)
  done
  : "${STATE[EPHEMERAL]:=0}"
}

save_state() {
  local key
  for key in "${STATE_KEYS[@]}"; do env_line "$key" "${STATE[$key]-}"; done | write_private "$DIR/stack.state"
}

# Notes which addresses of the environment replace private servers. An address that this stack made itself
# (somebody sourced its stack.env) is not foreign.
note_external() {
  STATE[PG_EXTERNAL]=$(foreign_address DATABASE_URL PG_EXTERNAL DATABASE_URL)
  STATE[NATS_EXTERNAL]=$(foreign_address NATS_URL NATS_EXTERNAL NATS_URL NATS_CONSUMER_URL)
  STATE[NATS_CONSUMER_EXTERNAL]=${NATS_CONSUMER_URL:-${STATE[NATS_EXTERNAL]}}
  STATE[REDIS_EXTERNAL]=$(foreign_address REDIS_URL REDIS_EXTERNAL REDIS_URL)
}

# Value of variable $1 unless it is one of the addresses $3... of this stack's own server (state key $2 empty).
foreign_address() {
  local value=${!1-} remembered=${STATE[$2]} key
  if [[ -z $remembered ]]; then
    for key in "${@:3}"; do
      if [[ $value == "$(env_value "$DIR/stack.env" "$key")" ]]; then return 0; fi
    done
  fi
  printf '%s' "$value"
}

# Login $1 with password $2 in place of the user and password of the database URL $3.
url_with_login() {
  local rest=${3#*://}
  printf '%s://%s:%s@%s' "${3%%://*}" "$1" "$2" "${rest#*@}"
}

# The login of schema $1 in database $2: of a database that was given it may be given too.
service_url() {
  local key given=''
  key=$(url_key "$1")
  if [[ -n ${STATE[PG_EXTERNAL]} ]]; then given=${!key-}; fi
  printf '%s' "${given:-$(url_with_login "simward_$1" "${STATE[$(password_key "$1")]}" "$2")}"
}

write_stack_env() {
  local database=${STATE[PG_EXTERNAL]} nats=${STATE[NATS_EXTERNAL]} redis=${STATE[REDIS_EXTERNAL]}
  local consumer=${STATE[NATS_CONSUMER_EXTERNAL]} schema
  database=${database:-postgres://simward:${STATE[PG_PASSWORD]}@127.0.0.1:${STATE[PG_PORT]}/simward}
  if [[ -z $nats ]]; then
    nats=nats://simward:${STATE[NATS_PASSWORD]}@127.0.0.1:${STATE[NATS_PORT]}
    consumer=nats://consumer:${STATE[CONSUMER_PASSWORD]}@127.0.0.1:${STATE[NATS_PORT]}
  fi
  redis=${redis:-redis://default:${STATE[REDIS_PASSWORD]}@127.0.0.1:${STATE[REDIS_PORT]}}
  {
    env_line DATABASE_URL "$database"
    for schema in "${SCHEMAS[@]}"; do env_line "$(url_key "$schema")" "$(service_url "$schema" "$database")"; done
    env_line NATS_URL "$nats"
    env_line NATS_CONSUMER_URL "$consumer"
    env_line REDIS_URL "$redis"
    env_line PG_PORT "${STATE[PG_PORT]}"
    env_line NATS_PORT "${STATE[NATS_PORT]}"
    env_line REDIS_PORT "${STATE[REDIS_PORT]}"
  } | write_private "$DIR/stack.env"
}
