#!/usr/bin/env bash
# Installs what golong needs: Debian packages (as root or through sudo, else it prints the command and stops) and a local
# .venv with pinned PyPI packages. Does nothing twice: it compares what is there with what is asked for.
#   tools/setup.sh [packages-file...] [--requirements FILE]
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=requirements.txt
lists=(tools/debian-packages.txt)
while [ $# -gt 0 ]; do
  case $1 in
    --requirements) requirements=$2; shift 2 ;;
    *) lists+=("$1"); shift ;;
  esac
done

missing=()
for package in $(cat "${lists[@]}"); do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then as_root=(bash -c)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo bash -c)
  else
    printf 'golong needs Debian packages that are not installed. As root, run:\n\n  %s\n\nthen run make again.\n' "$install" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" "export DEBIAN_FRONTEND=noninteractive; $install" >/tmp/golong-apt.$$ 2>&1 ||
    { tail -n 20 /tmp/golong-apt.$$ >&2; rm -f /tmp/golong-apt.$$; exit 1; }
  rm -f /tmp/golong-apt.$$
fi

# The venv is stamped with the requirement files that it holds.
base=$(sha256sum <requirements.txt)
stamp=.venv/.golong-$(cat requirements.txt "$requirements" | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
  echo "setup: installing Python packages into .venv ($requirements)"
  .venv/bin/python -m pip --version >/dev/null 2>&1 || /usr/bin/python3 -m venv --clear .venv
  # What stamps of other versions of requirements.txt say is no longer true.
  grep -qsxF "$base" .venv/.golong-base || rm -f .venv/.golong-*
  echo "$base" >.venv/.golong-base
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
  touch "$stamp"
fi
