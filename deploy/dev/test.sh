#!/usr/bin/env bash
# make test: every test against servers of its own, which are gone afterwards. Arguments go to cargo test.
# --bench runs the measurements instead: release build, durable servers. --at MOMENT (UTC) runs the tests at another time.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"
# shellcheck source=deploy/dev/lib/clock.sh
. "$HERE/lib/clock.sh"

MODE='test'
if [[ ${1-} == --bench ]]; then
  MODE=bench
  shift
elif [[ ${1-} == --at ]]; then
  read_moment "${2-}"
  shift 2
  # rustdoc hangs under another clock, so examples in documentation are left out.
  if [[ ! " $* " =~ " --"(lib|bins?|tests?|doc)" " ]]; then set -- --lib --bins --tests "$@"; fi
fi

# Everything of this run lies in $DIR. Addresses given as TEST_* are used as they are; otherwise a stack is made.
provide_servers() {
  mkdir -p "$LOCAL"
  DIR=$(mktemp -d "$LOCAL/test-XXXXXX")
  mkdir "$DIR/stacks"
  # As root PostgreSQL's own user has to pass through.
  if ((EUID == 0)); then chmod 711 "$DIR" "$DIR/stacks"; fi
  export SIMWARD_TEST_DIR=$DIR/stacks
  if [[ -n ${TEST_DATABASE_URL-} && -n ${TEST_NATS_URL-} && -n ${TEST_REDIS_URL-} ]]; then
    step "servers given by TEST_DATABASE_URL, TEST_NATS_URL and TEST_REDIS_URL"
    return 0
  fi
  step "PostgreSQL with TimescaleDB, NATS and Redis for this run in ${DIR#"$CHECKOUT/"}"
  unset PG_PORT NATS_PORT REDIS_PORT
  if [[ $MODE == bench ]]; then "$STACK" up "$DIR"; else "$STACK" up "$DIR" --ephemeral; fi
  export TEST_DATABASE_URL TEST_NATS_URL TEST_REDIS_URL
  TEST_DATABASE_URL=$(env_value "$DIR/stack.env" DATABASE_URL)
  TEST_NATS_URL=$(env_value "$DIR/stack.env" NATS_URL)
  TEST_REDIS_URL=$(env_value "$DIR/stack.env" REDIS_URL)
}

# Runs a command as a process group of its own: a signal ends this script's wait at once, and then the whole group.
run_group() {
  local code=0
  set -m
  "$@" </dev/null &
  GROUP=$!
  set +m
  wait "$GROUP" || code=$?
  GROUP=''
  return "$code"
}

group_gone() { ! kill -0 -- "-$GROUP" 2>/dev/null; }
end_group() {
  [[ -n ${GROUP-} ]] || return 0
  kill -TERM -- "-$GROUP" 2>/dev/null || return 0
  wait_until 5 group_gone || kill -KILL -- "-$GROUP" 2>/dev/null || true
  wait "$GROUP" 2>/dev/null || true
}

# Also what tests have started for themselves and could not remove.
clean_up() {
  local code=$? stack
  trap - EXIT
  trap '' INT TERM HUP
  end_group
  if [[ -n ${DIR-} ]]; then
    for stack in "$DIR"/stacks/* "$DIR"; do
      # Programs of an installation live in sessions of their own, which the group's end does not reach.
      [[ ! -e $stack/run/remembered.env ]] || "$(binary_folder dev)/simward" dev --local "$stack" down || true
      "$STACK" destroy "$stack" || say "the servers in $stack could not be removed"
    done
    rm -rf "$DIR"
  fi
  if [[ -n ${FAKETIME-} ]]; then forget_clock; fi
  exit "$code"
}

export_test_env() {
  export SIMWARD_STACK=$STACK
  if [[ -z ${SIMWARD_CONTRACT_DIR-} && -d $CHECKOUT/../shared/1nce-api ]]; then
    SIMWARD_CONTRACT_DIR=$(cd "$CHECKOUT/../shared/1nce-api" && pwd -P)
    export SIMWARD_CONTRACT_DIR
  fi
  # A stack that a test makes for itself is private, and no test finds a deployment by accident.
  unset "${ADDRESS_KEYS[@]}" "${LISTEN_KEYS[@]}" ONCE_API_BASE_URL ONCE_CLIENT_ID ONCE_CLIENT_SECRET
  unset DATASTREAMER_URL DATASTREAMER_USER DATASTREAMER_PASSWORD DATASTREAMER_NEXT_USER DATASTREAMER_NEXT_PASSWORD
}

# Cargo lets --workspace win over a package that was named.
cargo_test() {
  if [[ " $* " == *" -p "* || " $* " == *" --package"* ]]; then run_group cargo test "$@"; else run_group cargo test --workspace "$@"; fi
}

run_tests() {
  step "build"
  run_group cargo build --workspace --bins
  step "test"
  cargo_test "$@"
}

# What is built and downloaded has the machine's own time.
travel() {
  step "build for another time"
  run_group cargo build --workspace --bins
  cargo_test --no-run "$@"
  "$STACK" install
  set_clock
}

run_benches() {
  compgen -G "$CHECKOUT/tests-e2e/benches/*.rs" >/dev/null || die "tests-e2e/benches holds no measurement"
  step "build"
  run_group cargo build --release --workspace --bins
  step "measure"
  # The whole workspace, so that it has the features of the programs above.
  run_group cargo bench --workspace --bench numbers "$@"
}

need_build_tools
forget_own_addresses
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [[ -n ${MOMENT-} ]]; then travel "$@"; fi
provide_servers
export_test_env
if [[ $MODE == bench ]]; then run_benches "$@"; else run_tests "$@"; fi
step "done"
