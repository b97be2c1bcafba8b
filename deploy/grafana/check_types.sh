#!/usr/bin/env bash
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
#
# Checks the dashboards against the types that Grafana publishes for its dashboards. Needs
# Node and npm; the packages go to build/deps/grafana. Not a part of tests/run.sh.

set -euo pipefail

readonly SCHEMA=@grafana/schema@13.2.3
readonly TYPESCRIPT=typescript@5.9.3

root_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root_dir
readonly work_dir=$root_dir/build/deps/grafana
readonly stamp=$work_dir/imprint.stamp

mkdir -p "$work_dir"
if [[ ! -f $stamp || $(<"$stamp") != "$SCHEMA $TYPESCRIPT" ]]; then
  npm install --prefix "$work_dir" --no-save --no-audit --no-fund --silent "$SCHEMA" "$TYPESCRIPT"
  echo "$SCHEMA $TYPESCRIPT" >"$stamp"
fi

cp "$root_dir/deploy/grafana/board_types.ts" "$work_dir"
for json in "$root_dir"/deploy/grafana/dashboards/*.json; do
  {
    echo "import type { Board } from './board_types';"
    echo "export const board: Board ="
    cat "$json"
  } >"$work_dir/$(basename "$json" .json).ts"
done
cd "$work_dir"
# skipLibCheck: the package's own declarations name packages that it does not bring.
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module esnext \
  --moduleResolution bundler ./*.ts
echo ok
