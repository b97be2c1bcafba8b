// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// How --help and complaints about the command line read.

#ifndef IMPRINT_CLIENT_CLI_HELP_H_
#define IMPRINT_CLIENT_CLI_HELP_H_

#include <string>

#include "CLI/CLI.hpp"

namespace imprint::client {

// Wraps descriptions, so that a help fits a terminal of 80 columns.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* verb) const override;
};

// What is wrong with the command line, and where to read how it goes.
std::string Complain(const CLI::App* app, const CLI::Error& error);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_HELP_H_
