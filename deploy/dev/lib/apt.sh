# shellcheck shell=bash
# A private apt: its own lists, status and cache, so that the host's packages are neither read nor changed.
# The mirror addresses are the host's own, so a local mirror works and no address stands here.

readonly APT_SUITE=trixie

# Prints "URI SUITE COMPONENTS..." for every binary source of the host, of both notations.
host_sources() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    if [[ -r $file ]]; then one_line_sources "$file"; fi
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    if [[ -r $file ]]; then deb822_sources "$file"; fi
  done
}

one_line_sources() {
  sed -nE 's/#.*//; s/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]*)?//p' "$1" | awk 'NF >= 3'
}

# Continuation lines (a leading blank) belong to the field above them.
deb822_sources() {
  awk '
    function flush(   u, s, i, j) {
      if (types ~ /(^| )deb( |$)/ && enabled !~ /^(no|false|0)/) {
        split(uris, u, " "); split(suites, s, " ")
        for (i = 1; i in u; i++) for (j = 1; j in s; j++) print u[i], s[j], components
      }
      types = uris = suites = components = enabled = field = ""
    }
    /^[[:space:]]*$/ { flush(); next }
    /^#/ { next }
    /^[^[:space:]]/ { field = tolower($0); sub(/:.*/, "", field); sub(/^[^:]*:[[:space:]]*/, "") }
    field == "types" { types = types " " $0 }
    field == "uris" { uris = uris " " $0 }
    field == "suites" { suites = suites " " $0 }
    field == "components" { components = components " " $0 }
    field == "enabled" { enabled = $1 }
    END { flush() }' "$1"
}

# Debian's own archive among the host's sources; third parties that reuse a suite name are passed over.
# $1: "main" or "security". A path that names Debian is preferred to one that does not.
host_mirror() {
  local codename suites
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-trixie}")
  if [[ $1 == security ]]; then
    suites="^($codename|stable|oldstable|testing|$APT_SUITE)(-security|/updates)\$"
  else
    suites="^($codename|stable|oldstable|testing|unstable|sid|$APT_SUITE)\$"
  fi
  host_sources | awk -v suites="$suites" '
    $2 ~ suites && / main( |$)/ {
      named = $1 ~ /debian/
      if (best == "" || (named && !best_named)) { best = $1; best_named = named }
    }
    END { if (best != "") print best; else exit 1 }'
}

# Files with Debian's archive keys, one a line.
host_keyrings() {
  local file list=()
  for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} /usr/share/keyrings/debian-archive-$APT_SUITE-*.gpg \
    /etc/apt/trusted.gpg.d/debian-archive-$APT_SUITE-*; do
    if [[ -r $file ]]; then list+=("$file"); fi
  done
  ((${#list[@]})) || return 1
  printf '%s\n' "${list[@]}"
}

# Makes a private apt state in folder $1, which trusts the keyring files $2..., with the sources on standard input.
# "signed-by" would not do: it knows no path with a space. The hooks are cleared because container images use them to empty the host's cache.
apt_prepare() {
  local state=$1 key number=0
  mkdir -p "$state"/{lists/partial,archives/partial,trusted}
  cat >"$state/sources.list"
  for key in "${@:2}"; do
    # apt reads keys in text form only by the name .asc.
    number=$((number + 1))
    if [[ $key == *.asc ]]; then cp "$key" "$state/trusted/$number.asc"; else cp "$key" "$state/trusted/$number.gpg"; fi
  done
  : >"$state/status"
  cat >"$state/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "$state/trusted";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::State::extended_states "$state/extended_states";
Dir::Cache "$state";
Dir::Cache::archives "$state/archives";
Dir::Log "$state";
APT::Install-Recommends "0";
APT::Install-Suggests "0";
APT::Sandbox::User "$(id -un)";
APT::Get::Assume-Yes "1";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "1";
CONF
}

# apt-get of state $1; its words go to the log and are shown when it fails.
private_apt() {
  local state=$1
  shift
  apt-get -c "$state/apt.conf" "$@" >>"$state/apt.log" 2>&1
}

apt_failed() {
  tail -n 15 "$1/apt.log" >&2
  die "$2"
}

# Sources of $APT_SUITE; the security suite only where the host has one.
suite_sources() {
  local main security
  main=$(host_mirror main) || die "no Debian archive among this machine's apt sources: set DATABASE_URL, NATS_URL and REDIS_URL to servers of your own"
  printf 'deb %s %s main\n' "$main" "$APT_SUITE"
  if security=$(host_mirror security); then
    printf 'deb %s %s-security main\n' "$security" "$APT_SUITE"
  fi
}

# Downloads the package lists of $APT_SUITE into state $1. A host whose keyring is older than the suite
# gets the newer keyring package from its own release, which the old keys sign.
apt_lists() {
  local state=$1 text keys
  text=$(host_keyrings) || die "Debian's archive keys are missing: install debian-archive-keyring"
  mapfile -t keys <<<"$text"
  suite_sources | apt_prepare "$state" "${keys[@]}"
  private_apt "$state" -o APT::Update::Error-Mode=any update && return 0
  grep -q -E 'NO_PUBKEY|EXPKEYSIG|not signed|public key' "$state/apt.log" || apt_failed "$state" "the package lists could not be downloaded"
  say "    this machine's Debian keys are older than $APT_SUITE: fetching the current ones"
  text=$(newer_keyring "$state/keyring" "${keys[@]}")
  suite_sources | apt_prepare "$state" "$text"
  private_apt "$state" -o APT::Update::Error-Mode=any update || apt_failed "$state" "the package lists could not be downloaded"
}

newer_keyring() {
  local state=$1 deb
  host_sources | awk '/ main( |$)/ && $1 ~ /debian/ && $2 !~ /backports/ { print "deb", $1, $2, "main" }' |
    sort -u | apt_prepare "$state" "${@:2}"
  # A list whose signature does not hold is left out by apt; one good list is enough.
  private_apt "$state" update || true
  private_apt "$state" --download-only install debian-archive-keyring || apt_failed "$state" "debian-archive-keyring could not be downloaded"
  deb=$(compgen -G "$state/archives/debian-archive-keyring_*.deb" | head -n 1)
  mkdir -p "$state/root"
  dpkg-deb -x "$deb" "$state/root"
  readlink -f "$state"/root/usr/share/keyrings/debian-archive-keyring.[gp]*[gp] | head -n 1
}
