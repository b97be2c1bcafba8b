#!/usr/bin/env bash
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, and runs the tests. The last line says how
# many cases passed, failed and were skipped.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: tests/run.sh [options]

Installs what is missing, builds, and runs every test: C++, Rust, and Python
against the real server.

  --lint                     only clang-format, clang-tidy, buf lint, clippy,
                             rustfmt, ruff, mypy, shellcheck and hadolint
  --ci                       every test, seconds of each fuzzer, then lint
  --device=cuda:N            only the model, engine and update suites, on a GPU;
                             says so where there is none
  --sanitize=address|thread  only the C++ tests, built with the address and
                             undefined-behaviour, or the thread sanitizer
  --help                     this text
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root_dir=$PWD
readonly root_dir
readonly venv_dir=$root_dir/build/deps/venv

run_tests=true
run_lint=false
run_fuzz=false
device=cpu
preset=release
for argument in "$@"; do
  case $argument in
    --lint)
      run_tests=false
      run_lint=true
      ;;
    --ci)
      run_lint=true
      run_fuzz=true
      ;;
    --device=cpu) device=cpu ;;
    --device=cuda:[0-9]*) device=${argument#--device=} ;;
    --sanitize=address) preset=asan ;;
    --sanitize=thread) preset=tsan ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "run.sh: unknown argument: $argument" >&2
      usage >&2
      exit 2
      ;;
  esac
done

readonly build_dir=$root_dir/build/$preset
readonly results_dir=$build_dir/test_results
jobs=$(nproc)
readonly jobs

# Idle threads of one test must not spin on the cores of another.
export OMP_WAIT_POLICY=PASSIVE
export CARGO_TARGET_DIR=$root_dir/build/cargo
export IMPRINT_BIN_DIR=$build_dir/bin
PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH

title() { printf '\n== %s\n' "$*"; }

# Runs a step that is one case by itself: its output is shown when it fails.
step() {
  local name=$1 log=$results_dir/step-$1.log
  shift
  local begin=$SECONDS
  if "$@" >"$log" 2>&1; then
    echo "passed" >"$results_dir/$name.step"
    echo "   $name: ok ($((SECONDS - begin)) s)"
  else
    echo "failed" >"$results_dir/$name.step"
    echo "   $name: FAILED"
    tail -n 200 "$log"
  fi
}

# Files of the repository, also those not yet committed, by pattern.
files() {
  git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    [[ -f $file ]] && echo "$file"
  done
}

install() {
  title "Installing what is missing"
  local options=()
  if $run_tests; then options+=(--tests); fi
  if $run_lint; then options+=(--lint); fi
  if $run_fuzz; then options+=(--fuzz); fi
  if [[ $device == cuda:* ]]; then options+=(--cuda); fi
  deploy/install_deps.sh "${options[@]}"
}

build() {
  title "Building ($preset)"
  mkdir -p "$build_dir"
  local log=$build_dir/configure.log
  cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log"
    return 1
  }
  cmake --build "$build_dir" --parallel "$jobs"
}

# ctest writes JUnit, GoogleTest one JSON a program; tests/totals.py reads both.
run_ctest() {
  title "C++ tests"
  ctest --test-dir "$build_dir" --output-on-failure --parallel "$jobs" --repeat after-timeout:2 \
    --output-junit "$results_dir/ctest.xml" "$@" || true
  [[ -f $results_dir/ctest.xml ]] || echo "failed" >"$results_dir/ctest.step"
}

run_cargo_tests() {
  title "Rust tests"
  cargo test --quiet --release --locked --lib --manifest-path server/text/rust/Cargo.toml 2>&1 |
    tee "$results_dir/cargo.txt" || echo "test result: FAILED. 0 passed; 1 failed; 0 ignored" \
    >>"$results_dir/cargo.txt"
}

# Without a report the folder counts as one failed case.
run_pytest() {
  local heading=$1 folder=$2 report=$3
  title "$heading"
  "$venv_dir/bin/python" -m pytest "$folder" -q --durations=5 -p no:cacheprovider \
    --junitxml="$results_dir/$report.xml" || true
  [[ -f $results_dir/$report.xml ]] || echo "failed" >"$results_dir/$report.step"
}

run_python_tests() {
  run_pytest "Integration tests" tests/integration pytest
  # Three minutes of it; tests/crash/run goes on for as long as one wants.
  run_pytest "Crash tests" tests/crash pytest-crash
  # Seconds of it; tests/overload/run goes on for minutes.
  run_pytest "Overload tests" tests/overload pytest-overload
  run_pytest "Tests of the Python package" client/python/tests pytest-client
  tests/eval/install || true # without its packages no report appears, which is a failure
  run_pytest "Evaluation tests" tests/eval pytest-eval
  run_pytest "Benchmarks' tests" tests/bench pytest-bench
  run_pytest "Deployment tests" tests/deploy pytest-deploy
}

# Seconds of each; tests/fuzz/run goes on for as long as one wants. Needs clang, which only the
# lint does otherwise.
run_fuzzers() {
  title "Fuzzers"
  step fuzz tests/fuzz/run --seconds=5 --jobs="$jobs"
}

prepare_demo_model() {
  title "Demo model"
  "$venv_dir/bin/python" deploy/demo_model.py
}

check_clang_format() {
  files '*.h' '*.cc' | xargs clang-format-22 --dry-run -Werror
}

check_ruff() {
  "$venv_dir/bin/ruff" check . && "$venv_dir/bin/ruff" format --check .
}

check_mypy() {
  (cd client/python && "$venv_dir/bin/python" -m mypy)
}

check_shellcheck() {
  {
    files '*.sh'
    files | grep -v '\.' | xargs -r grep -lE '^#!.*\bbash\b' -- 2>/dev/null || true
    files '.ci/*'
  } | sort -u | xargs shellcheck
}

lint() {
  title "Lint"
  local crate=server/text/rust/Cargo.toml
  step clang-format check_clang_format
  step buf "$venv_dir/bin/buf" lint
  step rustfmt cargo fmt --check --manifest-path "$crate"
  step ruff check_ruff
  step mypy check_mypy
  step shellcheck check_shellcheck
  step hadolint "$venv_dir/bin/hadolint" Dockerfile
  step clippy cargo clippy --quiet --release --locked --all-targets --manifest-path "$crate" \
    -- -D warnings
  step clang-tidy "$venv_dir/bin/python" tests/clang_tidy.py --build_dir="$build_dir"
}

# Prints the line of totals; fails when a case did.
totals() {
  echo
  "$venv_dir/bin/python" tests/totals.py "$results_dir"
}

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }

if [[ $device == cuda:* ]] && ! has_gpu; then
  echo "There is no GPU on this machine: the model, engine and update suites did not run on $device."
  echo "0 passed, 0 failed, 3 skipped"
  exit 0
fi

install
rm -rf "$results_dir"
mkdir -p "$results_dir"
# A failed build is a failed case, so that the last line is always the totals.
if ! build; then
  echo "failed" >"$results_dir/build.step"
  totals
  exit 1
fi

if $run_tests; then
  if [[ $device == cuda:* ]]; then
    IMPRINT_TEST_DEVICE=$device run_ctest --tests-regex '^(model|engine|update)'
  elif [[ $preset == release ]]; then
    prepare_demo_model
    export IMPRINT_REQUIRE_DEMO_MODEL=1
    run_cargo_tests
    run_ctest
    run_python_tests
  else
    export ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1
    export UBSAN_OPTIONS=print_stacktrace=1
    export TSAN_OPTIONS="ignore_noninstrumented_modules=1 suppressions=$root_dir/tests/tsan.supp"
    run_ctest
  fi
fi
if $run_fuzz; then run_fuzzers; fi
if $run_lint; then lint; fi

totals
