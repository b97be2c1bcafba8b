#!/usr/bin/env bash
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
#
# From a fresh Debian 12 machine to a server that learns: see usage() below.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly ROOT
readonly BIN="$ROOT/build/release/bin"
readonly MODEL="$ROOT/build/models/smollm2-135m-instruct"
readonly PYTHON="$ROOT/build/deps/venv/bin/python"
# How long streams may run on when the server is told to stop.
readonly DRAIN_SECONDS=30

data_dir="$ROOT/build/quickstart"
port=50051
metrics_port=9464
device=cpu
demo=yes
action=start

usage() {
  cat <<'EOF'
usage: deploy/quickstart.sh [flags]

Installs what is missing (needs root or sudo), builds, fetches and converts the demo
model, starts the server on loopback, runs the demo, and leaves the server running.
Running it again is fast and safe: what is done is not done again.

  --data_dir=DIR       where the server keeps its state      (build/quickstart)
  --port=N             where it listens on 127.0.0.1         (50051)
  --metrics_port=N     where /metrics is, on 127.0.0.1       (9464)
  --device=cpu|cuda:N  where the model computes              (cpu)
  --no_demo            start the server only
  --stop               stop the server of this data_dir; nothing is lost
  --help
EOF
}

die() {
  echo "quickstart: $*" >&2
  exit 1
}

say() { printf '\n== %s\n' "$*"; }

# Flags may be written --flag=value or --flag value.
while (($#)); do
  case "$1" in
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
    --data_dir | --port | --metrics_port | --device)
      (($# >= 2)) || die "$1 needs a value (--help)"
      case "$1" in
        --data_dir) data_dir="$2" ;;
        --port) port="$2" ;;
        --metrics_port) metrics_port="$2" ;;
        --device) device="$2" ;;
      esac
      shift 2
      ;;
    --no_demo) demo=no; shift ;;
    --stop) action=stop; shift ;;
    --help | -h) usage; exit 0 ;;
    *) die "unknown flag $1 (--help)" ;;
  esac
done
for number in "$port" "$metrics_port"; do
  if ! [[ "$number" =~ ^[0-9]+$ ]] || ((number < 1 || number > 65535)); then
    die "a port is a number from 1 to 65535, not '$number'"
  fi
done
[[ "$device" == cpu || "$device" =~ ^cuda:[0-9]+$ ]] || die "--device is cpu or cuda:N, not '$device'"
if [[ ! -d "$data_dir" ]]; then
  # Stopping makes no folder: it would be that of a mistyped name.
  [[ "$action" == start ]] || die "there is no folder $data_dir, so no server of it runs (--data_dir)"
  # What it is told stays private: nobody else may look into the folder.
  install -d -m 700 "$data_dir" || die "cannot make $data_dir (--data_dir)"
fi
data_dir="$(cd "$data_dir" && pwd)"
readonly PID_FILE="$data_dir/imprintd.pid"
readonly LOG_FILE="$data_dir/imprintd.log"
readonly PORTS_FILE="$data_dir/imprintd.ports"

# An earlier quickstart made this folder open to all.
if [[ "$action" == start && (-e "$LOG_FILE" || -e "$PID_FILE") ]]; then chmod 700 "$data_dir"; fi

# The process of this data_dir's server; fails when none runs.
server_pid() {
  local pid
  pid="$(cat "$PID_FILE" 2>/dev/null)" || return 1
  [[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" == "$BIN/imprintd"* ]] || return 1
  echo "$pid"
}

stop_server() {
  local pid
  if ! pid="$(server_pid)"; then
    echo "no server of $data_dir runs"
    return
  fi
  kill -TERM "$pid"
  # After the deadline come a training step, last words and the log: at most a minute.
  for _ in $(seq $(((DRAIN_SECONDS + 60) * 10))); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -0 "$pid" 2>/dev/null || die "process $pid still drains; look at $LOG_FILE"
  rm -f "$PID_FILE"
  echo "stopped"
}

# The port that the running server listens on, which may not be the one asked for now.
actual_port() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$PORTS_FILE"; }

start_server() {
  local pid
  if pid="$(server_pid)"; then
    if [[ "$BIN/imprintd" -nt "$PID_FILE" ]]; then
      echo "the server was rebuilt: starting it anew"
      stop_server
    else
      echo "the server runs already (process $pid)"
      if [[ "$(actual_port listen)" != "$port" ]]; then
        echo "it listens on port $(actual_port listen), not $port; --stop it first to change that"
      fi
      port="$(actual_port listen)"
      metrics_port="$(actual_port metrics_listen)"
      return
    fi
  fi
  rm -f "$PORTS_FILE"
  nohup "$BIN/imprintd" --model="$MODEL" --data_dir="$data_dir" --listen="127.0.0.1:$port" \
    --metrics_listen="127.0.0.1:$metrics_port" --device="$device" --port_file="$PORTS_FILE" \
    --drain_deadline="${DRAIN_SECONDS}s" \
    >>"$LOG_FILE" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$PID_FILE"
  for _ in $(seq 1200); do
    [[ -s "$PORTS_FILE" ]] && break
    if ! kill -0 "$pid" 2>/dev/null; then
      rm -f "$PID_FILE"
      tail -n 5 "$LOG_FILE" >&2
      die "the server did not start; its log is $LOG_FILE"
    fi
    sleep 0.1
  done
  [[ -s "$PORTS_FILE" ]] || die "the server does not listen after two minutes; its log is $LOG_FILE"
}

if [[ "$action" == stop ]]; then
  stop_server
  exit 0
fi

cd "$ROOT"
say "what is missing is installed"
deps=()
[[ "$device" == cpu ]] || deps+=(--cuda)
deploy/install_deps.sh "${deps[@]}"

say "build"
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release --target imprintd imprint

say "demo model"
"$PYTHON" deploy/demo_model.py --out "$MODEL"

say "server"
start_server

# Queries are answered at once; updates need text of the model's own, which it writes once.
if [[ ! -s "$data_dir/retention.cache" ]]; then
  say "the model writes the text that keeps it as it is (once, some minutes)"
  for _ in $(seq 1200); do
    [[ -s "$data_dir/retention.cache" ]] && break
    server_pid >/dev/null || die "the server ended; its log is $LOG_FILE"
    sleep 0.5
  done
  [[ -s "$data_dir/retention.cache" ]] ||
    say "it is still being written after ten minutes; updates wait for it, and so will the demo"
fi

# Whatever the demo came to, the server runs and can be talked to.
demo_failed=no
if [[ "$demo" == yes ]]; then
  say "demo: eight passages about people, places and products that do not exist"
  "$PYTHON" deploy/demo/run.py --imprint="$BIN/imprint" --server="127.0.0.1:$port" || demo_failed=yes
fi

server_pid >/dev/null || die "the server ended; its log is $LOG_FILE"
cat <<EOF

The server is running.
  talk to it      $BIN/imprint --server=127.0.0.1:$port chat
  tell it         $BIN/imprint --server=127.0.0.1:$port inject "..." --wait=integrated
  ask it          $BIN/imprint --server=127.0.0.1:$port query "..."
  look at it      $BIN/imprint --server=127.0.0.1:$port status
  its metrics     http://127.0.0.1:$metrics_port/metrics
  its log         $LOG_FILE
  stop it         deploy/quickstart.sh --stop$([[ "$data_dir" == "$ROOT/build/quickstart" ]] || echo " --data_dir=$data_dir")
EOF
[[ "$demo_failed" == no ]] || die "the demo could not be run"
