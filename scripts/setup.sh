#!/usr/bin/env bash
# Make everything that `make demo` and `make test` need, and nothing twice:
#   1. system libraries for Qt, OpenGL and a virtual screen (Debian and Ubuntu;
#      as root or with sudo, and only where one is missing),
#   2. a virtual environment in .venv with Python 3.11 or newer,
#   3. this package in it, editable, with the tested versions of constraints.txt.
# PYTHON=/path/to/python chooses the interpreter, VENV another folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${VENV:-.venv}
stamp=$venv/.installed

system_libraries=(
  libdbus-1-3 libegl1 libfontconfig1 libgl1 libgl1-mesa-dri libglib2.0-0 libgssapi-krb5-2
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
  libxcb-shape0 libxcb-xinerama0 libxkbcommon-x11-0 xauth xvfb
)

say() { printf '==> %s\n' "$*" >&2; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# Newer releases of Debian and Ubuntu call libglib2.0-0 libglib2.0-0t64, and apt
# accepts the old name for the new package.
missing_libraries() {
  local name
  for name in "${system_libraries[@]}"; do
    is_installed "$name" || is_installed "${name}t64" || printf '%s\n' "$name"
  done
}

apt_install() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "needs root or sudo to install: $*"
    as_root=(sudo)
  fi
  say "installing system packages: $*"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install_system_libraries() {
  if ! command -v apt-get >/dev/null; then
    say "no apt-get here: Qt's and OpenGL's libraries are taken as they are"
    return
  fi
  local missing
  mapfile -t missing < <(missing_libraries)
  [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"
}

is_recent() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# 3.11 comes first because the versions in constraints.txt were tested with it.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if command -v "$candidate" >/dev/null && is_recent "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

make_environment() {
  local python
  if ! python=$(find_python); then
    [ -z "${PYTHON:-}" ] || fail "$PYTHON is not Python 3.11 or newer"
    command -v apt-get >/dev/null || fail "needs Python 3.11 or newer; set PYTHON to one"
    apt_install python3 python3-venv
    python=$(find_python) ||
      fail "needs Python 3.11 or newer and this system offers none; set PYTHON to one"
  fi
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    command -v apt-get >/dev/null || fail "$python lacks the modules venv and ensurepip"
    apt_install python3-venv
  fi
  say "making the environment $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
}

# What was installed is described by these two files; scripts in the environment
# name the folder, so a moved folder needs a new one.
fingerprint() { cat pyproject.toml constraints.txt | sha256sum | cut -d ' ' -f 1; }
is_up_to_date() { [ "$(cat "$stamp" 2>/dev/null)" = "$PWD $(fingerprint)" ]; }
is_usable() {
  "$venv/bin/python" -c 'import pip' >/dev/null 2>&1 &&
    { [ ! -f "$stamp" ] || grep -qF "$PWD " "$stamp"; }
}

install_package() {
  say "installing napari-latentdyn and what it needs (some minutes the first time)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[all,test,docs]'
  printf '%s %s\n' "$PWD" "$(fingerprint)" >"$stamp"
}

install_system_libraries
if is_up_to_date; then
  say "the environment $venv is up to date"
else
  is_usable || make_environment
  install_package
fi
