# shellcheck shell=bash
# Words, random values, ports, process identity: shared by every script of this folder. Sourced, never run.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Dies with the way out when a program is missing. $1 program, $2 what to do.
need() { command -v "$1" >/dev/null 2>&1 || die "'$1' is missing: $2"; }

# $1 bytes of randomness as lowercase hexadecimal text.
random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# Whether something listens on 127.0.0.1:$1.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port nobody listens on, below the range the kernel hands to clients. A race is settled by the caller's retry.
free_port() {
  local port
  for _ in {1..200}; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if ! port_in_use "$port"; then
      printf '%s\n' "$port"
      return 0
    fi
  done
  die "no free port between 20000 and 32000 on 127.0.0.1"
}

# Whether process $1 lives and its command line holds both $2 (program) and $3 (a path only ours has).
# A pid file alone is not trusted: the number may belong to somebody else by now.
is_process() {
  local pid=$1 program=$2 mark=$3 line
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  line=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline") || return 1
  [[ ${line%%$'\n'*} == *"$program" && $line == *"$mark"* ]] && ! is_zombie "$pid"
}

# A process that died and is not yet collected by its parent: it holds nothing any more.
is_zombie() {
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  [[ ${line##*) } == Z* ]]
}

# First word of file $1, or nothing.
read_pid() {
  local pid=''
  if [[ -r $1 ]]; then read -r pid <"$1" || true; fi
  printf '%s' "$pid"
}

# Waits until command "${@:2}" succeeds, at most $1 seconds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Sends TERM (or $4) to pid $1 when it is program $2 with mark $3, and KILL when it has not gone after $5 seconds.
stop_process() {
  local pid=$1 program=$2 mark=$3 signal=${4:-TERM} patience=${5:-20}
  is_process "$pid" "$program" "$mark" || return 0
  kill -"$signal" "$pid" 2>/dev/null || true
  wait_until "$patience" process_gone "$pid" "$program" "$mark" && return 0
  say "$program ($pid) did not stop within ${patience}s: killed"
  kill -KILL "$pid" 2>/dev/null || true
  wait_until 10 process_gone "$pid" "$program" "$mark" || die "$program ($pid) cannot be killed"
}
process_gone() { ! is_process "$@"; }

# Exports the KEY=VALUE lines of file $1 that the environment does not have: what the caller set wins.
load_env_file() {
  local line key value
  [[ -r $1 ]] || return 0
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    line=${line#"${line%%[![:space:]]*}"}
    line=${line#export }
    [[ $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || continue
    key=${line%%=*}
    value=${line#*=}
    if [[ $value == \"*\" || $value == \'*\' ]]; then value=${value:1:-1}; fi
    [[ -n ${!key+set} ]] || export "$key=$value"
  done <"$1"
}

# Value of KEY $2 in the env file $1, or nothing.
env_value() {
  local value
  [[ -r $1 ]] || return 0
  value=$(sed -n "s/^$2=//p" "$1" | tail -n 1)
  if [[ $value == \'*\' ]]; then value=${value:1:-1} value=${value//"'\\''"/"'"}; fi
  printf '%s' "$value"
}

# KEY=VALUE as a line that both a shell and env_value read; quoted only where a shell would see more than a word.
env_line() {
  local value=$2
  if [[ $value == *[^A-Za-z0-9_:/@.,%+=?-]* ]]; then value="'${value//"'"/"'\\''"}'"; fi
  printf '%s=%s\n' "$1" "$value"
}

# Replaces file $1 by standard input at once; only its owner can read it.
write_private() {
  local path=$1
  (umask 077 && cat >"$path.new.$$") && mv -f "$path.new.$$" "$path"
}
