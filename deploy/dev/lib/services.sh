# shellcheck shell=bash
# The services of crates/simward/services.txt, and the names that follow from them. Sourced, after CHECKOUT is set.

SCHEMAS=()
LISTEN_KEYS=()
while read -r _ schema listen _; do
  SCHEMAS+=("$schema")
  if [[ -n $listen ]]; then LISTEN_KEYS+=("$listen"); fi
done < <(grep -v '^#' "$CHECKOUT/crates/simward/services.txt")
unset schema listen

# The variable that holds the database login of schema $1, and the one that a stack keeps its password in.
url_key() { printf '%s_DATABASE_URL' "${1^^}"; }
password_key() { printf '%s_PASSWORD' "${1^^}"; }

# Every variable that holds the address of a server.
ADDRESS_KEYS=(DATABASE_URL NATS_URL NATS_CONSUMER_URL REDIS_URL)
for schema in "${SCHEMAS[@]}"; do ADDRESS_KEYS+=("$(url_key "$schema")"); done
unset schema
readonly SCHEMAS LISTEN_KEYS ADDRESS_KEYS
