# shellcheck shell=bash
# PostgreSQL with TimescaleDB: $DIR/pg holds the data. As root it runs as an unprivileged user, which it insists on.

# Sets PG_AS, the prefix that starts a program as PostgreSQL's user.
choose_pg_user() {
  PG_AS=()
  ((EUID == 0)) || return 0
  need setpriv "install util-linux"
  PG_AS=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
}
# Whether PostgreSQL's user can enter folder $1.
pg_user_reaches() {
  choose_pg_user
  ((EUID != 0)) || "${PG_AS[@]}" test -x "$1"
}
# Sets PG_DATA. Below a folder closed to PostgreSQL's user (a checkout in root's home) $DIR/pg is a link to a
# folder outside: nobody's folders are opened, and the server gets no privilege.
locate_pg_data() {
  if [[ ! -e $DIR/pg && ! -L $DIR/pg ]] && ! pg_user_reaches "$DIR"; then
    local outside
    outside=$(mktemp -d /var/tmp/simward-pg-XXXXXX)
    chmod 711 "$outside"
    ln -s "$outside/pg" "$DIR/pg"
  fi
  PG_DATA=$(readlink -m "$DIR/pg")
}
# Removes what locate_pg_data put outside of $DIR.
remove_outside_data() {
  local target
  [[ -L $DIR/pg ]] || return 0
  target=$(readlink "$DIR/pg")
  if [[ $target == /var/tmp/simward-pg-??????/pg ]]; then rm -rf "${target%/pg}"; fi
}
as_pg() { "${PG_AS[@]}" "$@"; }
own_by_pg() { ((EUID != 0)) || chown -R "nobody:$(id -g nobody)" "$@"; }

postgres_running() { is_process "$(postgres_pid)" /postgres "$(readlink -m "$DIR/pg")"; }
postgres_pid() { read_pid "$DIR/pg/postmaster.pid"; }

# Line 8 of the pid file is the server's own word about itself.
postgres_ready() { [[ $(sed -n '8s/ *$//p' "$DIR/pg/postmaster.pid" 2>/dev/null) == ready ]] && postgres_running; }

postgres_prepare() {
  choose_pg_user
  locate_pg_data
  if [[ ! -e $PG_DATA/PG_VERSION ]]; then
    ensure_pg_template || die "no database template"
    rm -rf "$PG_DATA" "$PG_DATA.partial"
    cp -a --reflink=auto "$PG_TEMPLATE" "$PG_DATA.partial" || die "the database template could not be copied to $PG_DATA"
    (cd / && as_pg "$PG_BIN/postgres" --single -D "$PG_DATA.partial" -c shared_preload_libraries= \
      -c unix_socket_directories= -c exit_on_error=on -c fsync=off postgres \
      <<<"ALTER ROLE simward PASSWORD '${STATE[PG_PASSWORD]}'") >>"$DIR/log/postgres.log" 2>&1 ||
      die "the database owner's password could not be set, see $DIR/log/postgres.log"
    mv "$PG_DATA.partial" "$PG_DATA"
  fi
  # The caller knows that our server is gone; PostgreSQL would believe any process of the old number, even a dead one.
  rm -rf "$PG_DATA/postmaster.pid" "$DIR/run/pg"
  write_pg_config
}

write_pg_config() {
  local sockets=$DIR/run/pg
  # A socket's path may hold 107 bytes; TCP is all that is needed.
  if ((${#sockets} > 85)) || [[ -L $DIR/pg ]]; then sockets=''; else mkdir -p "$sockets" && own_by_pg "$sockets"; fi
  {
    cat <<CONF
listen_addresses = '127.0.0.1'
port = ${STATE[PG_PORT]}
unix_socket_directories = '$sockets'
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
max_locks_per_transaction = 256
max_wal_size = '2GB'
CONF
    if [[ ${STATE[EPHEMERAL]} == 1 ]]; then
      # A killed server loses nothing by this: what was written is in the kernel's memory.
      cat <<'CONF'
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_connections = 400
timescaledb.max_background_workers = 0
CONF
    else
      cat <<'CONF'
max_connections = 200
max_worker_processes = 24
timescaledb.max_background_workers = 8
CONF
    fi
  } >"$PG_DATA/simward.conf"
  own_by_pg "$PG_DATA/simward.conf"
}

postgres_command() { COMMAND=("${PG_AS[@]}" "$PG_BIN/postgres" -D "$PG_DATA"); }

# A fresh cluster takes seconds to make, so it is made once per cache and user, and copied.
ensure_pg_template() {
  PG_TEMPLATE=$ROOTFS.template-$EUID
  [[ -e $PG_TEMPLATE/PG_VERSION ]] && return 0
  (
    flock 8
    [[ -e $PG_TEMPLATE/PG_VERSION ]] && exit 0
    say "    database template"
    unset PG_PORT
    DIR=$STACK_CACHE/template-$EUID.partial
    # An attempt that was killed may have left its server behind.
    stop_server postgres
    rm -rf "$DIR" "$PG_TEMPLATE"
    mkdir -p "$DIR/log" "$DIR/run"
    declare -A STATE=([EPHEMERAL]=1 [PG_PORT]='' [PG_PASSWORD]=$(random_hex 16))
    make_template || {
      tail -n 20 "$DIR/log/postgres.log" >&2
      die "the database template could not be made"
    }
    mv "$DIR/pg" "$PG_TEMPLATE"
    rm -rf "$DIR"
  ) 8>"$STACK_CACHE/.template-$EUID.lock" 9>&-
}

make_template() {
  mkdir "$DIR/pg"
  own_by_pg "$DIR/pg"
  (umask 077 && printf '%s\n' "${STATE[PG_PASSWORD]}" >"$DIR/password")
  own_by_pg "$DIR/password"
  as_pg "$PG_BIN/initdb" -D "$DIR/pg" -U simward --auth=scram-sha-256 --pwfile="$DIR/password" --encoding=UTF8 \
    --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-sync >>"$DIR/log/postgres.log" 2>&1 || return 1
  printf "include 'simward.conf'\n" >>"$DIR/pg/postgresql.conf"
  start_server postgres
  # template1 has the extension too, so that a test's CREATE DATABASE brings it along.
  owner_psql template1 <<<'CREATE EXTENSION timescaledb; CREATE DATABASE simward;' >>"$DIR/log/postgres.log" 2>&1 || return 1
  stop_server postgres
}

# psql as the owner in database $1, statements on standard input.
owner_psql() {
  PGPASSWORD=${STATE[PG_PASSWORD]} PGOPTIONS='-c client_min_messages=warning' "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "${STATE[PG_PORT]}" -U simward -d "$1" "${@:2}"
}

# SIGKILL to the postmaster and to every child, as when the machine dies: a lingering child would keep the next start waiting.
postgres_kill() {
  local pid=$1 stat line fields children=()
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    # After the name in parentheses: state, then the parent's number.
    read -ra fields <<<"${line##*) }"
    if [[ ${fields[1]} == "$pid" ]]; then children+=("${line%% *}"); fi
  done
  kill -KILL "$pid" "${children[@]}" 2>/dev/null || true
}
