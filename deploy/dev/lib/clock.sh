# shellcheck shell=bash
# Another time for all programs that are started from here on, by libfaketime. Sourced, after packages.sh.
# NATS is static and cannot be told; Redis hangs with it and is started without it (nats_redis.sh). Nothing compares
# their clocks with those of PostgreSQL, the tests and the services.

# Sets MOMENT to what $1 (UTC) means now, in seconds.
read_moment() {
  MOMENT=$([[ -n $1 ]] && date -u -d "$1" +%s) || die "--at wants a moment of UTC, such as '2028-02-29 23:58' or 14:38"
  install_missing faketime faketime
}

# From now on it is MOMENT, and time passes from there. The monotonic clock and the times of files stay true.
set_clock() {
  local away=$((MOMENT - $(date -u +%s)))
  LD_PRELOAD=$(faketime -m -f +0 printenv LD_PRELOAD)
  if ((away >= 0)); then away=+$away; fi
  export LD_PRELOAD FAKETIME=$away FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
  say "    it is $(date -u '+%F %T') UTC"
}

# Removes what killed programs left of libfaketime in shared memory.
forget_clock() {
  local file
  for file in /dev/shm/{faketime_shm,sem.faketime_sem}_*; do
    if [[ -e $file && ! -e /proc/${file##*_} ]]; then rm -f "$file"; fi
  done
}
