// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint: the command line of an Imprint server.

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "client/cli/command.h"
#include "client/cli/config_file.h"
#include "client/cli/help.h"
#include "google/protobuf/stubs/logging.h"

namespace imprint::client {
namespace {

void SetUp(CLI::App& app, Command& command) {
  // A global flag may stand before or after the verb.
  app.fallthrough();
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "print this text");
  app.set_version_flag("--version", "imprint " IMPRINT_VERSION, "print the version");
  app.formatter(std::make_shared<HelpFormatter>());
  app.failure_message(Complain);
  app.add_option("--server", command.options.server, "where the server listens")
      ->type_name("ADDR")
      ->envname("IMPRINT_SERVER")
      ->capture_default_str();
  app.add_option("--admin_server", command.options.admin_server,
                 "where its AdminService listens, if elsewhere")
      ->type_name("ADDR")
      ->envname("IMPRINT_ADMIN_SERVER");
  app.add_option("--tls_ca", command.options.tls_ca,
                 "turns TLS on: a file with the certificates (PEM) that sign the server's")
      ->type_name("FILE")
      ->envname("IMPRINT_TLS_CA");
  app.add_option("--tls_cert", command.options.tls_cert,
                 "a file with your own certificate (PEM), where the server wants one")
      ->type_name("FILE")
      ->envname("IMPRINT_TLS_CERT");
  app.add_option("--tls_key", command.options.tls_key, "a file with its key (PEM)")
      ->type_name("FILE")
      ->envname("IMPRINT_TLS_KEY");
  // No flag takes the token itself: every user of the machine sees command lines.
  app.add_option("--token_file", command.options.token_file,
                 "a file with your token; or the token itself in IMPRINT_TOKEN")
      ->type_name("FILE")
      ->envname("IMPRINT_TOKEN_FILE");
  app.add_flag("--allow_insecure_token", command.options.allow_insecure_token,
               "send the token to other machines without TLS: it can be read on the way");
  app.add_flag("--json", command.json, "print JSON: one document, or one line an item");
  // The verbs inherit it, and list none of the global flags themselves.
  app.footer(
      "Before or after the verb: --server, --admin_server, --tls_ca, --tls_cert,\n"
      "--tls_key, --token_file, --allow_insecure_token, --config, --json.\n"
      "imprint --help lists these and the verbs, imprint VERB --help what a verb takes.\n"
      "Exit codes: 0 done; 1 it ended badly (held, quarantined, rejected, paused);\n"
      "2 wrong command line; 3 no server answers; 4 the server refused.");
}

void AddVerbs(CLI::App& app, Command& command) {
  AddInject(app, command);
  AddQuery(app, command);
  AddChat(app, command);
  AddStatus(app, command);
  AddTop(app, command);
  AddEvents(app, command);
  AddHealth(app, command);
  AddExperiences(app, command);
  AddJobs(app, command);
  AddUpdates(app, command);
  AddVersions(app, command);
  AddProbes(app, command);
  AddExportVersion(app, command);
  AddReport(app, command);
  AddBackup(app, command);
  AddRestore(app, command);
  AddRepair(app, command);
  AddTokens(app, command);
  AddCompletion(app, command);
}

// What gRPC sends as metadata.
bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); });
}

int Main(int argc, char** argv) {
  // A string that is not UTF-8 is refused by the server, in words for people.
  google::protobuf::SetLogHandler(nullptr);
  CLI::App app("Tell a model something, and ask it: the command line of an Imprint server.",
               "imprint");
  Command command;
  SetUp(app, command);
  if (absl::Status status = ApplyConfigFile(app, argc, argv); !status.ok()) {
    return Command::Fail(kUsage, status.message());
  }
  AddVerbs(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  // As programs of a traced build hand it down.
  if (const char* trace = std::getenv("TRACEPARENT"); trace != nullptr && IsPrintable(trace)) {
    command.options.metadata.emplace_back("traceparent", trace);
  }
  if (const char* token = std::getenv("IMPRINT_TOKEN");
      token != nullptr && app.get_option("--token_file")->count() == 0) {
    command.options.token = token;
  }
  auto client = Client::Make(command.options);
  if (!client.ok()) return Command::Fail(kUsage, client.status().message());
  command.client = client->get();
  return command.run();
}

}  // namespace
}  // namespace imprint::client

int main(int argc, char** argv) { return imprint::client::Main(argc, argv); }
