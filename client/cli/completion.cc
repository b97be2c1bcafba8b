// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/completion.h"

#include <functional>
#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/command.h"

namespace imprint::client {
namespace {

using Path = std::vector<std::string>;

std::vector<const CLI::App*> VerbsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The long flags of a verb; positional words have none.
std::vector<const CLI::Option*> FlagsOf(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_lnames().empty(); });
}

// Every verb below `app` and itself, with the words that lead to it.
void Walk(const CLI::App& app, const Path& path,
          const std::function<void(const CLI::App&, const Path&)>& visit) {
  visit(app, path);
  for (const CLI::App* verb : VerbsOf(app)) {
    Path longer = path;
    longer.push_back(verb->get_name());
    Walk(*verb, longer, visit);
  }
}

std::string Flags(const CLI::App& app) {
  return absl::StrJoin(FlagsOf(app), " ", [](std::string* out, const CLI::Option* flag) {
    absl::StrAppend(out, "--", flag->get_lnames().front());
  });
}

// In single quotes, as every shell here takes it.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// When the words typed so far lead to `path` and to none of its verbs.
std::string FishCondition(const Path& path, const CLI::App& app) {
  std::vector<std::string> parts;
  for (size_t i = 1; i < path.size(); ++i) {
    parts.push_back(absl::StrCat("__fish_seen_subcommand_from ", path[i]));
  }
  if (!VerbsOf(app).empty()) {
    parts.push_back(
        absl::StrCat("not __fish_seen_subcommand_from ",
                     absl::StrJoin(VerbsOf(app), " ", [](std::string* out, const CLI::App* verb) {
                       absl::StrAppend(out, verb->get_name());
                     })));
  }
  return absl::StrJoin(parts, "; and ");
}

int Print(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") std::cout << BashCompletion(app);
  if (shell == "zsh") std::cout << ZshCompletion(app);
  if (shell == "fish") std::cout << FishCompletion(app);
  return kOk;
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string paths, words;
  Walk(app, {app.get_name()}, [&](const CLI::App& verb, const Path& path) {
    const std::string key = absl::StrJoin(path, " ");
    if (path.size() > 1) absl::StrAppend(&paths, paths.empty() ? "" : " | ", "'", key, "'");
    std::vector<std::string> here;
    for (const CLI::App* next : VerbsOf(verb)) here.push_back(next->get_name());
    here.push_back(Flags(verb));
    if (path.size() > 1) here.push_back(Flags(app));  // global ones may stand anywhere
    absl::StrAppend(&words, "    '", key, "') words='", absl::StrJoin(here, " "), "' ;;\n");
  });
  return absl::StrCat(R"(# bash completion of imprint; `imprint completion bash` made it
_imprint() {
  local path=imprint words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${COMP_WORDS[i]}" in
      )",
                      paths, R"() path="$path ${COMP_WORDS[i]}" ;;
    esac
  done
  case $path in
)",
                      words, R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _imprint imprint
)");
}

std::string ZshCompletion(const CLI::App& app) {
  // zsh has no mapfile; its arrays split words where told to.
  const std::string script = absl::StrReplaceAll(
      BashCompletion(app),
      {{"# bash completion", "# zsh completion"},
       {"completion bash", "completion zsh"},
       {R"(mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))",
        R"(COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")))"}});
  return absl::StrCat("autoload -U +X bashcompinit && bashcompinit\n", script);
}

std::string FishCompletion(const CLI::App& app) {
  std::string script = "# fish completion of imprint; `imprint completion fish` made it\n";
  Walk(app, {app.get_name()}, [&](const CLI::App& verb, const Path& path) {
    const std::string condition = FishCondition(path, verb);
    for (const CLI::App* next : VerbsOf(verb)) {
      absl::StrAppend(&script, "complete -c imprint -f -n ", Quoted(condition), " -a ",
                      next->get_name(), " -d ", Quoted(next->get_description()), "\n");
    }
    const std::string only = path.size() > 1 ? absl::StrCat(" -n ", Quoted(condition)) : "";
    for (const CLI::Option* flag : FlagsOf(verb)) {
      absl::StrAppend(&script, "complete -c imprint", only, " -l ", flag->get_lnames().front(),
                      flag->get_items_expected_max() > 0 ? " -r" : "", " -d ",
                      Quoted(flag->get_description()), "\n");
    }
  });
  return script;
}

void AddCompletion(CLI::App& app, Command& command) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "a script that completes verbs in your shell");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer(
      "bash: source <(imprint completion bash), in ~/.bashrc\n"
      "zsh:  source <(imprint completion zsh), in ~/.zshrc\n"
      "fish: imprint completion fish > ~/.config/fish/completions/imprint.fish");
  verb->callback(
      [&app, &command, shell] { command.run = [&app, shell] { return Print(app, *shell); }; });
}

}  // namespace imprint::client
