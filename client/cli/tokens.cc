// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "common/file_util.h"
#include "common/token_line.h"
#include "nlohmann/json.hpp"

namespace imprint::client {
namespace {

struct NewFlags {
  TokenLine line;
  std::string scopes;
  std::string out;
};

int Print(const NewFlags& flags, const std::string& token, bool json) {
  const std::string line = FormatTokenLine(flags.line);
  if (json) {
    nlohmann::ordered_json document = {{"name", flags.line.name}, {"line", line}};
    if (flags.out.empty()) document["token"] = token;
    std::cout << document.dump() << "\n" << std::flush;
    return kOk;
  }
  std::cout << line << "\n" << std::flush;
  if (flags.out.empty()) {
    std::cerr << "The token, which is kept nowhere:\n" << token << "\n";
  }
  return kOk;
}

int New(const Command& command, NewFlags& flags) {
  if (!IsTokenName(flags.line.name)) {
    return Command::Fail(kUsage,
                         "NAME must be 1 to 64 letters, digits or any of \"-_.\", and no token");
  }
  absl::StatusOr<Scopes> scopes = ParseScopes(flags.scopes);
  if (!scopes.ok()) {
    return Command::Fail(kUsage, absl::StrCat("--scopes: ", scopes.status().message()));
  }
  flags.line.scopes = *std::move(scopes);
  const std::string token = NewToken();
  flags.line.sha256 = TokenDigest(token);
  if (!flags.out.empty()) {
    const absl::Status written = WriteNewSecret(flags.out, token + "\n");
    if (absl::IsAlreadyExists(written)) {
      return Command::Fail(kUsage, absl::StrCat("--out: ", flags.out, " is there already"));
    }
    if (!written.ok()) {
      return Command::Fail(kUsage, absl::StrCat("--out: ", written.message()));
    }
  }
  return Print(flags, token, command.json);
}

}  // namespace

void AddTokens(CLI::App& app, Command& command) {
  CLI::App* tokens = app.add_subcommand("tokens", "make tokens for callers; asks no server");
  tokens->require_subcommand(1);
  CLI::App* make = tokens->add_subcommand(
      "new", "make a token; standard output gets the line for --auth.tokens_file");
  auto flags = std::make_shared<NewFlags>();
  make->add_option("NAME", flags->line.name, "whose it is, for the server's log")->required();
  make->add_option("--scopes", flags->scopes, "some of query,inject,admin")->required();
  make->add_option("--requests_per_minute", flags->line.requests_per_minute,
                   "quota of calls; 0: none")
      ->check(NotNegative());
  make->add_option("--inject_bytes_per_hour", flags->line.inject_bytes_per_hour,
                   "quota of what is injected; 0: none")
      ->check(NotNegative());
  make->add_option("--out", flags->out,
                   "new file that gets the token; without, standard error does")
      ->type_name("FILE");
  make->callback(
      [&command, flags] { command.run = [&command, flags] { return New(command, *flags); }; });
}

}  // namespace imprint::client
