// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/config_file.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace imprint::client {
namespace {

constexpr char kFlag[] = "--config";

struct Source {
  std::string path;    // empty: none
  bool named = false;  // by the user, so that it must be there
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Looked for before the command line is parsed: defaults come first.
Source FindSource(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (word == "--") break;
    if (word == kFlag && i + 1 < argc) return {argv[i + 1], true};
    if (absl::ConsumePrefix(&word, absl::StrCat(kFlag, "="))) return {std::string(word), true};
  }
  if (std::string path = Environment("IMPRINT_CONFIG"); !path.empty()) return {path, true};
  std::string folder = Environment("XDG_CONFIG_HOME");
  if (folder.empty() && !Environment("HOME").empty()) {
    folder = absl::StrCat(Environment("HOME"), "/.config");
  }
  return {folder.empty() ? "" : absl::StrCat(folder, "/imprint.toml"), false};
}

absl::Status Apply(CLI::App& app, const std::string& path) {
  // CLI11 has no other way than an exception to say what is wrong.
  try {
    for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_file(path)) {
      CLI::Option* const option = app.get_option_no_throw(absl::StrCat("--", item.fullname()));
      if (option == nullptr || item.inputs.size() != 1 || item.name == "config") {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": \"", item.fullname(), "\" is no flag with one value"));
      }
      option->default_val(item.inputs.front());
    }
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyConfigFile(CLI::App& app, int argc, const char* const* argv) {
  const Source source = FindSource(argc, argv);
  std::error_code error;
  absl::Status applied;
  if (!source.path.empty() && std::filesystem::is_regular_file(source.path, error)) {
    applied = Apply(app, source.path);
  } else if (source.named) {
    applied = absl::InvalidArgumentError(
        absl::StrCat("there is no file ", source.path, " (", kFlag, ")"));
  }
  app.add_option(kFlag, "values of the flags above, a line each: server = \"ADDR\"")
      ->type_name("FILE");
  return applied;
}

}  // namespace imprint::client
