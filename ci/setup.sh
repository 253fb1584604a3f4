# shellcheck shell=bash
# Sourced by ci/drill and ci/test, from the repository's root: system packages, .venv, fixture clients.
# A second run finds everything done and takes a second.

# What it takes to build the core and its Python package.
CORE_PACKAGES=(g++ cmake ninja-build libssl-dev libnghttp2-dev libboost-dev python3 python3-dev python3-venv)

say() { printf '== %s\n' "$*"; }

# Debian packages that are not installed, of those named.
missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@" | sort -u)
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      printf 'Missing system packages, and neither root nor sudo -n here. Install them, then run this again:\n' >&2
      printf '  sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
      exit 1
    fi
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The checksum of everything that the installed package depends on.
build_inputs() {
  { cat pyproject.toml CMakeLists.txt; python3 --version; openssl version
    git ls-files -z harness pybind | grep -zE '\.(cpp|h|txt|in|cmake)$' | xargs -0 cat; } | sha256sum
}

make_venv() {
  [ -x .venv/bin/python ] || python3 -m venv .venv
  local inputs
  inputs=$(build_inputs)
  [ "$(cat .venv/built-from 2>/dev/null)" != "$inputs" ] || return 0
  say "building the package into .venv"
  .venv/bin/python -m pip install -q --upgrade 'pip>=25.1' 'scikit-build-core>=1.0,<2' 'pybind11>=3.0,<4'
  .venv/bin/python -m pip install -q --group test --group clients --group benchmark
  .venv/bin/python -m pip install -q --no-build-isolation -e '.[all]'
  printf '%s\n' "$inputs" > .venv/built-from
}

# What puts the program where this shell finds it, quoted for it.
path_line() {
  # shellcheck disable=SC2016 # the shell that it is for expands it
  printf 'export PATH=%q:"$PATH"' "$PWD/.venv/bin"
}

# The Debian packages of the fixture clients. Without Python, which may be missing as well: all are told at once.
client_packages() {
  sed -n 's/^packages = \[\(.*\)\]$/\1/p' fixtures/clients/*/client.toml | tr -d '" ' | tr ',' '\n' | sort -u
}

# The commands that set the fixture clients up, quoted for a shell.
client_setups() {
  python3 - <<'PYTHON'
import pathlib, shlex, tomllib
for path in sorted(pathlib.Path("fixtures/clients").glob("*/client.toml")):
    if setup := tomllib.loads(path.read_text()).get("setup"):
        here = str(path.parent.absolute())
        print(f"(cd {shlex.quote(here)} && {shlex.join(part.replace('{here}', here) for part in setup)})")
PYTHON
}

set_up() {
  command -v dpkg-query >/dev/null || { echo 'This needs Debian 12, 13 or Ubuntu 24.04 (dpkg was not found).' >&2; exit 1; }
  local packages setup
  mapfile -t packages < <(client_packages)
  install_packages "${CORE_PACKAGES[@]}" openssl ca-certificates git "${packages[@]}" "$@"
  make_venv
  while read -r setup; do
    eval "$setup"
  done < <(client_setups)
}
