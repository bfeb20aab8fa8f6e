#!/usr/bin/env bash
# make test: every test against servers of its own, which are gone afterwards. Arguments go to cargo test.
# --bench runs the measurements instead: release build, durable servers.
set -euo pipefail
# shellcheck source=deploy/dev/lib/local.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/local.sh"

MODE='test'
if [[ ${1-} == --bench ]]; then
  MODE=bench
  shift
fi

# Addresses given as TEST_* are used as they are; otherwise a stack is made in a fresh folder.
provide_servers() {
  if [[ -n ${TEST_DATABASE_URL-} && -n ${TEST_NATS_URL-} && -n ${TEST_REDIS_URL-} ]]; then
    step "servers given by TEST_DATABASE_URL, TEST_NATS_URL and TEST_REDIS_URL"
    return 0
  fi
  mkdir -p "$LOCAL"
  DIR=$(mktemp -d "$LOCAL/test-XXXXXX")
  # As root PostgreSQL's own user has to pass through.
  if ((EUID == 0)); then chmod 711 "$DIR"; fi
  step "PostgreSQL with TimescaleDB, NATS and Redis for this run in ${DIR#"$CHECKOUT/"}"
  unset PG_PORT NATS_PORT REDIS_PORT
  if [[ $MODE == bench ]]; then "$STACK" up "$DIR"; else "$STACK" up "$DIR" --ephemeral; fi
  export TEST_DATABASE_URL TEST_NATS_URL TEST_REDIS_URL
  TEST_DATABASE_URL=$(env_value "$DIR/stack.env" DATABASE_URL)
  TEST_NATS_URL=$(env_value "$DIR/stack.env" NATS_URL)
  TEST_REDIS_URL=$(env_value "$DIR/stack.env" REDIS_URL)
}

remove_servers() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ -n ${DIR-} ]]; then "$STACK" destroy "$DIR" || say "the servers in $DIR could not be removed"; fi
  exit "$code"
}

export_test_env() {
  export SIMWARD_STACK=$STACK
  if [[ -z ${SIMWARD_CONTRACT_DIR-} && -d $CHECKOUT/../shared/1nce-api ]]; then
    SIMWARD_CONTRACT_DIR=$(cd "$CHECKOUT/../shared/1nce-api" && pwd -P)
    export SIMWARD_CONTRACT_DIR
  fi
  # A stack that a test makes for itself is private, and no test finds a deployment by accident.
  unset DATABASE_URL GATEWAY_DATABASE_URL SIM_DATABASE_URL NATS_URL NATS_CONSUMER_URL REDIS_URL
  unset ONCE_API_BASE_URL ONCE_CLIENT_ID ONCE_CLIENT_SECRET SIMWARD_LISTEN
}

run_tests() {
  step "build"
  cargo build --workspace --bins
  step "test"
  # Cargo lets --workspace win over a package that was named.
  if [[ " $* " == *" -p "* || " $* " == *" --package"* ]]; then cargo test "$@"; else cargo test --workspace "$@"; fi
}

run_benches() {
  compgen -G "$CHECKOUT/tests-e2e/benches/*.rs" >/dev/null || die "tests-e2e/benches holds no measurement"
  step "build"
  cargo build --release --workspace --bins
  step "measure"
  cargo bench -p tests-e2e "$@"
}

need_build_tools
forget_own_addresses
trap remove_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
provide_servers
export_test_env
if [[ $MODE == bench ]]; then run_benches "$@"; else run_tests "$@"; fi
step "done"
