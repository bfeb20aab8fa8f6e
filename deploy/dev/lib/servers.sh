# shellcheck shell=bash
# Starting, stopping and killing one server of $DIR. Each server brings NAME_prepare, _command, _running, _ready, _pid.

readonly SERVERS=(postgres nats redis)
declare -grA STATE_PREFIX=([postgres]=PG [nats]=NATS [redis]=REDIS)
declare -grA PROGRAM=([postgres]=/postgres [nats]=nats-server [redis]=redis-server)

is_external() { [[ -n ${STATE[${STATE_PREFIX[$1]}_EXTERNAL]-} ]]; }
server_mark() { if [[ $1 == postgres ]]; then readlink -m "$DIR/pg"; else printf '%s' "$DIR/run/$1.conf"; fi; }

# Starts server $1 and waits until it serves. With $2 = keep its port is not given up when somebody else has it.
start_server() {
  local name=$1 keep=${2-} port_key=${STATE_PREFIX[$1]}_PORT attempt status
  local fixed=${!port_key-}
  if "${name}_running" && "${name}_ready"; then
    if [[ -n $fixed && $fixed != "${STATE[$port_key]}" ]]; then
      say "    $name runs already, on port ${STATE[$port_key]}: $port_key=$fixed holds after it was stopped"
    fi
    return 0
  fi
  "${name}_running" && stop_server "$name"
  for attempt in {1..8}; do
    STATE[$port_key]=${fixed:-${STATE[$port_key]}}
    if [[ -z ${STATE[$port_key]} ]]; then STATE[$port_key]=$(free_port); fi
    # Before it starts: whoever comes after an interruption has to find the server's port.
    save_state
    status=0
    launch "$name" || status=$?
    ((status == 0)) && return 0
    ((status == 2)) || die "$name did not start (attempt $attempt), see $DIR/log/$name.log"
    [[ -z $fixed ]] || die "$name cannot use port $fixed ($port_key): something else listens there"
    [[ $keep != keep ]] || die "$name cannot use its port ${STATE[$port_key]} again: something else listens there"
    STATE[$port_key]=''
  done
  die "$name found no free port in 8 attempts"
}

# One attempt. Returns 0 when it serves, 2 when the port is taken; shows the log's end and returns 1 otherwise.
launch() {
  local name=$1 log=$DIR/log/$1.log before pid deadline
  port_in_use "${STATE[${STATE_PREFIX[$name]}_PORT]}" && return 2
  mkdir -p "$DIR/log" "$DIR/run"
  "${name}_prepare"
  "${name}_command"
  touch "$log"
  before=$(stat -c %s "$log")
  # From the root folder, because PostgreSQL's user may not be able to enter the caller's.
  (cd / && exec setsid "${COMMAND[@]}") >>"$log" 2>&1 </dev/null 8>&- 9>&- &
  pid=$!
  printf '%s\n' "$pid" >"$DIR/run/$name.pid"
  deadline=$((SECONDS + 60))
  until "${name}_ready"; do
    if ! kill -0 "$pid" 2>/dev/null || is_zombie "$pid"; then
      wait "$pid" 2>/dev/null || true
      tail -c +$((before + 1)) "$log" | grep -q -i -E 'address (is )?already in use|could not bind|bind:' && return 2
      tail -c +$((before + 1)) "$log" | tail -n 15 >&2
      return 1
    fi
    if ((SECONDS >= deadline)); then
      say "$name is not ready after 60s"
      kill -KILL "$pid" 2>/dev/null || true
      return 1
    fi
    sleep 0.03
  done
  disown "$pid" 2>/dev/null || true
}

# PostgreSQL's fast shutdown is SIGINT: it does not wait for clients to leave.
stop_server() {
  local name=$1 signal=TERM
  if [[ $name == postgres ]]; then signal=INT; fi
  stop_process "$("${name}_pid")" "${PROGRAM[$name]}" "$(server_mark "$name")" "$signal" 30
}

kill_server() {
  local name=$1 pid
  "${name}_running" || return 0
  pid=$("${name}_pid")
  if [[ $name == postgres ]]; then postgres_kill "$pid"; else kill -KILL "$pid" 2>/dev/null || true; fi
  wait_until 10 process_gone "$pid" "${PROGRAM[$name]}" "$(server_mark "$name")" || die "$name ($pid) survives SIGKILL"
}
