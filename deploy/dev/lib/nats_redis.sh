# shellcheck shell=bash
# NATS with JetStream and Redis. Both say in their log, with their process number, when they serve.

nats_running() { is_process "$(nats_pid)" nats-server "$DIR/run/nats.conf"; }
nats_pid() { read_pid "$DIR/run/nats.pid"; }
nats_ready() { grep -q "^\[$(nats_pid)\] .*Server is ready" "$DIR/log/nats.log" 2>/dev/null && nats_running; }
nats_command() { COMMAND=("$ROOTFS/usr/sbin/nats-server" -c "$DIR/run/nats.conf"); }

# The consumer login may read stream EVENTS and nothing else. The services' replies travel under _SIMWARD_INBOX,
# which it cannot subscribe to.
nats_prepare() {
  # NATS sets the limit of every stream aside when it is made, and each test makes four that stay nearly empty.
  local storage=10GB
  if [[ ${STATE[EPHEMERAL]} == 1 ]]; then storage=100GB; fi
  mkdir -p "$DIR/nats"
  write_private "$DIR/run/nats.conf" <<CONF
listen: "127.0.0.1:${STATE[NATS_PORT]}"
jetstream {
  store_dir: "$DIR/nats"
  max_file_store: $storage
  max_memory_store: 256MB
}
authorization {
  users: [
    { user: simward, password: "${STATE[NATS_PASSWORD]}" }
    {
      user: consumer
      password: "${STATE[CONSUMER_PASSWORD]}"
      permissions: {
        publish: {
          allow: [
            "\$JS.API.INFO"
            "\$JS.API.STREAM.INFO.EVENTS"
            "\$JS.API.STREAM.MSG.GET.EVENTS"
            "\$JS.API.DIRECT.GET.EVENTS"
            "\$JS.API.DIRECT.GET.EVENTS.>"
            "\$JS.API.CONSUMER.NAMES.EVENTS"
            "\$JS.API.CONSUMER.LIST.EVENTS"
            "\$JS.API.CONSUMER.CREATE.EVENTS"
            "\$JS.API.CONSUMER.CREATE.EVENTS.>"
            "\$JS.API.CONSUMER.INFO.EVENTS.>"
            "\$JS.API.CONSUMER.MSG.NEXT.EVENTS.>"
            "\$JS.ACK.EVENTS.>"
            "\$JS.FC.>"
          ]
        }
        subscribe: { allow: ["_INBOX.>", "evt.v1.>"] }
      }
    }
  ]
}
CONF
}

redis_running() { is_process "$(redis_pid)" redis-server "$DIR/run/redis.conf"; }
redis_pid() { read_pid "$DIR/run/redis.pid"; }
redis_ready() { grep -q "^$(redis_pid):M .*Ready to accept connections" "$DIR/log/redis.log" 2>/dev/null && redis_running; }
# Its allocator asks for the time before libfaketime (clock.sh) can answer, and both would wait for each other.
redis_command() { COMMAND=(env -u LD_PRELOAD "$ROOTFS/usr/bin/redis-server" "$DIR/run/redis.conf"); }

# Nothing in Redis is the only copy, so nothing is written to disk; a full Redis refuses instead of forgetting a budget.
redis_prepare() {
  mkdir -p "$DIR/redis"
  write_private "$DIR/run/redis.conf" <<CONF
bind 127.0.0.1
port ${STATE[REDIS_PORT]}
requirepass ${STATE[REDIS_PASSWORD]}
dir "$DIR/redis"
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
set-proc-title no
CONF
}
