// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A file with values of the global flags, below the command line and the environment.

#ifndef IMPRINT_CLIENT_CLI_CONFIG_FILE_H_
#define IMPRINT_CLIENT_CLI_CONFIG_FILE_H_

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace imprint::client {

// Adds --config to `app`, and makes what the file says the defaults of the flags that the app
// has by now. The file is the one that `argv` or $IMPRINT_CONFIG names, or imprint.toml in
// $XDG_CONFIG_HOME or ~/.config, which need not be there. INVALID_ARGUMENT names the file, and
// the line's key where no flag is called so.
absl::Status ApplyConfigFile(CLI::App& app, int argc, const char* const* argv);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_CONFIG_FILE_H_
