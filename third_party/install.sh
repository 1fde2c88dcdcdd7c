#!/usr/bin/env bash
# Installs what qwench is built with: Debian 12, Ubuntu 24.04 (apt) and macOS (Homebrew).
# Asks only for what is missing, so a second call takes no time. --with-dev adds what ./check uses,
# --with-arm what ./check --arm does (Debian and Ubuntu).
set -euo pipefail

usage() { echo "usage: third_party/install.sh [--with-dev] [--with-arm]"; }

with_dev=no with_arm=no
for argument in "$@"; do
  case "$argument" in
    --with-dev) with_dev=yes ;;
    --with-arm) with_arm=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install.sh: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
  esac
done

required=(ca-certificates git g++ cmake ninja-build pkg-config
          libeigen3-dev doctest-dev nlohmann-json3-dev libcli11-dev libfmt-dev libutf8proc-dev)
# Worth having, built without where a distribution lacks them.
optional=(ccache libsentencepiece-dev libedit-dev gnuplot-nox)
dev=(clang libclang-rt-dev libomp-dev clang-format-14 sentencepiece)
# A compiler for aarch64, something that runs what it makes, and the libraries to link with.
arm=(g++-aarch64-linux-gnu qemu-user)
arm_libraries=(libeigen3-dev doctest-dev nlohmann-json3-dev libcli11-dev libfmt-dev libutf8proc-dev)
arm_sysroot=$(dirname "${BASH_SOURCE[0]}")/../build/arm/sysroot  # third_party/cmake/aarch64-linux-gnu.cmake looks there

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "install.sh: needs root or sudo to run: $*" >&2
    exit 1
  fi
}

# The packages among the arguments that dpkg does not have, one per line.
missing() {
  local installed package
  # dpkg-query fails when it does not know one of the names; what it does know is printed all the same.
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || echo "$package"
  done
}

# Runs a command up to three times: mirrors fail now and then.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    echo "install.sh: attempt $attempt failed: $*" >&2
    [ "$attempt" -eq 3 ] || sleep $((attempt * 5))
  done
  return 1
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

apt_install() { apt_get install --no-install-recommends "$@" >/dev/null; }

# The package of valijson depends on seven JSON libraries, Qt and Poco among them, for adapters that are not used
# here; its headers alone are taken out of it. Without them a test is skipped, aloud.
install_valijson() {
  [ ! -d /usr/include/valijson ] && [ ! -d /usr/local/include/valijson ] || return 0
  local folder
  folder=$(mktemp -d)
  if (cd "$folder" && chmod 755 . && retry apt-get -qq download libvalijson-dev >/dev/null 2>&1 && dpkg-deb -x ./*.deb .); then
    echo "installing: valijson (its headers, into /usr/local/include)"
    as_root cp -r "$folder/usr/include/valijson" /usr/local/include/
  else
    echo "install.sh: the headers of libvalijson-dev cannot be had; going on without them" >&2
  fi
  rm -rf "$folder"
}

# arm_apt TOOL ARGUMENT...: apt with the sources of this machine for arm64, and a state of its own in $arm_state:
# what is installed here and what apt knows of it stay as they are.
arm_apt() {
  "$1" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Languages=none \
    -o Dir::State="$arm_state" -o Dir::State::status="$arm_state/status" -o Dir::Cache="$arm_state" "${@:2}"
}

# The libraries for aarch64, unpacked into a folder: as packages they would have to agree with those installed.
install_arm_libraries() {
  [ ! -f "$arm_sysroot/complete" ] || return 0
  local shared package
  arm_state=$(mktemp -d)
  trap 'rm -rf "$arm_state"' EXIT
  chmod 755 "$arm_state"
  mkdir -p "$arm_state"/lists/partial "$arm_state"/archives/partial "$arm_state"/packages
  : >"$arm_state/status"
  retry arm_apt apt-get -qq update
  # The shared libraries behind the headers have the version in their names.
  mapfile -t shared < <(arm_apt apt-cache depends libfmt-dev libutf8proc-dev |
    sed -n -E 's/^ *Depends: (lib(fmt|utf8proc)[0-9]+)$/\1/p')
  echo "installing for aarch64:" "${arm_libraries[@]}" "${shared[@]}"
  (cd "$arm_state/packages" && retry arm_apt apt-get -qq -o APT::Sandbox::User=root download "${arm_libraries[@]}" "${shared[@]}")
  mkdir -p "$arm_sysroot"
  for package in "$arm_state"/packages/*.deb; do dpkg-deb -x "$package" "$arm_sysroot"; done
  touch "$arm_sysroot/complete"
}

install_debian() {
  local needed wanted package known=()
  [ "$with_dev" = no ] || optional+=("${dev[@]}")
  [ "$with_arm" = no ] || required+=("${arm[@]}")
  mapfile -t needed < <(missing "${required[@]}")
  mapfile -t wanted < <(missing "${optional[@]}")
  [ $((${#needed[@]} + ${#wanted[@]})) -gt 0 ] || return 0

  retry apt_get update
  for package in "${wanted[@]}"; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      known+=("$package")
    else
      echo "install.sh: this distribution has no package $package; going on without it" >&2
    fi
  done
  [ $((${#needed[@]} + ${#known[@]})) -gt 0 ] || return 0
  echo "installing:" "${needed[@]}" "${known[@]}"
  retry apt_install "${needed[@]}" "${known[@]}"
}

install_macos() {
  command -v brew >/dev/null || { echo "install.sh: needs Homebrew (https://brew.sh)" >&2; exit 1; }
  local formulas=(cmake ninja ccache eigen libomp doctest nlohmann-json cli11 fmt utf8proc sentencepiece libedit gnuplot)
  [ "$with_dev" = no ] || formulas+=(clang-format valijson)
  local installed formula needed=()
  installed=$(brew list --formula -1)
  for formula in "${formulas[@]}"; do
    grep -qx "$formula" <<<"$installed" || needed+=("$formula")
  done
  [ ${#needed[@]} -eq 0 ] || brew install --quiet "${needed[@]}"
}

if [ "$(uname -s)" = Darwin ]; then
  [ "$with_arm" = no ] || { echo "install.sh: --with-arm: expected Debian or Ubuntu, got macOS" >&2; exit 1; }
  install_macos
elif command -v apt-get >/dev/null; then
  install_debian
  [ "$with_dev" = no ] || install_valijson
  [ "$with_arm" = no ] || install_arm_libraries
else
  echo "install.sh: knows apt-get (Debian 12, Ubuntu 24.04) and Homebrew only; see third_party/README.md" \
       "for what to install by hand" >&2
  exit 1
fi
