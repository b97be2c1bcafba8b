// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/help.h"

#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

constexpr size_t kTerminal = 80;

std::string Wrap(absl::string_view text, size_t width) {
  return absl::StrJoin(WrapText(text, width), "\n");
}

}  // namespace

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  return Wrap(option->get_description(), kTerminal - get_column_width());
}

std::string HelpFormatter::make_subcommand(const CLI::App* verb) const {
  std::stringstream out;
  CLI::detail::format_help(out, verb->get_name(),
                           Wrap(verb->get_description(), kTerminal - get_column_width()),
                           get_column_width());
  return out.str();
}

std::string Complain(const CLI::App* app, const CLI::Error& error) {
  std::string text = error.what();
  // CLI11 misses a verb before it looks at a word that is none.
  const std::vector<std::string> unknown = app->remaining(/*recurse=*/true);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !unknown.empty()) {
    text = absl::StrCat("unknown: ", absl::StrJoin(unknown, " "));
  }
  std::string verb = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    absl::StrAppend(&verb, " ", app->get_name());
  }
  return absl::StrCat("imprint: ", text, "\n  ", verb, " --help lists what there is\n");
}

}  // namespace imprint::client
