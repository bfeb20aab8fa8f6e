# shellcheck shell=bash
# The servers as an unpacked Debian tree in the cache: nothing is installed on the machine and no root is needed.

readonly STACK_PG_MAJOR=17
# Raise when the way the tree is made changes: the number is part of the cache's name.
readonly STACK_RECIPE=1
# PostgreSQL runs with jit=off, and none of these is needed to serve: claimed as present to save the download.
readonly STACK_CLAIMED=(libllvm19 libz3-4 perl perl-base postgresql-common postgresql-client-common ssl-cert
  debconf adduser init-system-helpers logsave ucf sensible-utils libcommon-sense-perl libjson-xs-perl libtypes-serialiser-perl)

# As root a cache that PostgreSQL's user cannot enter (below root's home) is of no use: then it is the system's.
stack_cache() {
  local cache=${SIMWARD_CACHE:-$CHECKOUT/.local/cache}
  mkdir -p "$cache"
  if ! pg_user_reaches "$cache"; then
    cache=/var/cache/simward
    # Whatever the umask: PostgreSQL's user passes through.
    install -d -m 755 "$cache"
  fi
  cd "$cache" && pwd -P
}

# Sets STACK_CACHE and ROOTFS; installs nothing.
locate_rootfs() {
  local arch
  need dpkg "the private servers are unpacked Debian packages. Elsewhere set DATABASE_URL, NATS_URL and REDIS_URL to servers of your own"
  arch=$(dpkg --print-architecture)
  STACK_CACHE=$(stack_cache)
  ROOTFS=$STACK_CACHE/$APT_SUITE-pg$STACK_PG_MAJOR-$arch-r$STACK_RECIPE
  case $arch in
    amd64) MULTIARCH=x86_64-linux-gnu LOADER=$ROOTFS/usr/lib64/ld-linux-x86-64.so.2 ;;
    arm64) MULTIARCH=aarch64-linux-gnu LOADER=$ROOTFS/usr/lib/ld-linux-aarch64.so.1 ;;
    *) die "no recipe for the architecture $arch: set DATABASE_URL, NATS_URL and REDIS_URL to servers of your own" ;;
  esac
  PG_BIN=$ROOTFS/usr/lib/postgresql/$STACK_PG_MAJOR/bin
}

# The marker is written last and names the folder: a moved cache is patched anew, a broken one made anew.
installed() { [[ -r $ROOTFS/.complete && $(<"$ROOTFS/.complete") == "$ROOTFS" ]]; }

stack_install() {
  locate_rootfs
  installed && return 0
  (
    flock 9
    installed && exit 0
    if [[ -r $ROOTFS/.complete ]]; then
      patch_programs "$ROOTFS"
    else
      build_rootfs
    fi
    warn_about_time_zones
    printf '%s\n' "$ROOTFS" >"$ROOTFS/.complete"
  ) 9>"$STACK_CACHE/.install.lock"
}

build_rootfs() {
  local started=$SECONDS partial=$ROOTFS.partial state=$STACK_CACHE/apt
  need apt-get "the private servers come from Debian's archive. Elsewhere set DATABASE_URL, NATS_URL and REDIS_URL"
  rm -rf "$partial" "$ROOTFS" "$state"
  say "    package lists of Debian $APT_SUITE"
  apt_lists "$state"
  claim_installed "$state"
  say "    download"
  private_apt "$state" --download-only install "postgresql-$STACK_PG_MAJOR" "postgresql-$STACK_PG_MAJOR-timescaledb" \
    nats-server redis-server patchelf || apt_failed "$state" "the servers could not be downloaded"
  say "    unpack ($(find "$state/archives" -name '*.deb' | wc -l) packages)"
  unpack_all "$state" "$partial"
  patch_programs "$partial"
  rm -rf "$state"
  mv "$partial" "$ROOTFS"
  say "    servers ready in $((SECONDS - started))s: $(tr '\n' ' ' <"$ROOTFS/VERSIONS")"
}

claim_installed() {
  local name
  for name in "${STACK_CLAIMED[@]}"; do
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: %s\nMulti-Arch: foreign\nMaintainer: none\nVersion: 9999:0\nDescription: left out\n\n' \
      "$name" "$(dpkg --print-architecture)"
  done >"$1/status"
}

# Packages of a merged-usr release unpack over links, which dpkg-deb -x would replace by folders.
unpack_all() {
  local state=$1 root=$2 deb name
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  for deb in "$state"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$root" --no-same-owner --keep-directory-symlink --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale'
    dpkg-deb --show --showformat='${Package} ${Version}\n' "$deb" >>"$state/versions"
  done
  grep -E '^(postgresql-[0-9]+|postgresql-[0-9]+-timescaledb|nats-server|redis-server) ' "$state/versions" >"$root/VERSIONS"
}

# Gives the programs the tree's own loader and libraries, by the path where the tree will lie ($1 is where it lies now).
# patchelf itself is started through that loader, so the machine needs neither it nor a new C library.
patch_programs() {
  local root=$1 program loader=${LOADER#"$ROOTFS"}
  local programs=("$root/usr/lib/postgresql/$STACK_PG_MAJOR"/bin/{postgres,initdb,psql,pg_ctl,pg_isready,pg_dump,pgbench}
    "$root"/usr/bin/redis-check-rdb "$root"/usr/bin/redis-cli)
  for program in "${programs[@]}"; do
    [[ -f $program ]] || continue
    "$root$loader" --library-path "$root/usr/lib/$MULTIARCH" "$root/usr/bin/patchelf" \
      --set-interpreter "$LOADER" --force-rpath --set-rpath "$ROOTFS/usr/lib/$MULTIARCH" "$(readlink -f "$program")" ||
      die "patchelf failed on $program"
  done
}

# Debian's PostgreSQL reads the machine's time zones from a fixed path.
warn_about_time_zones() {
  [[ -e /usr/share/zoneinfo/Europe/Berlin ]] && return 0
  (install_missing /usr/share/zoneinfo/Europe/Berlin tzdata) ||
    say "    warning: without tzdata PostgreSQL knows no zone but UTC"
}
