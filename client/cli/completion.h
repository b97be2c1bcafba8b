// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Scripts that let a shell complete verbs and flags, made from the program's own command line.

#ifndef IMPRINT_CLIENT_CLI_COMPLETION_H_
#define IMPRINT_CLIENT_CLI_COMPLETION_H_

#include <string>

#include "CLI/CLI.hpp"

namespace imprint::client {

// For bash; zsh takes it too, after `bashcompinit`. File names are completed where nothing
// else fits.
std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_COMPLETION_H_
