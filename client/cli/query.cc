// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint query: asks the model one question.

#include <iostream>
#include <iterator>
#include <memory>

#include "client/cli/output.h"
#include "client/cli/query_flags.h"

namespace imprint::client {
namespace {

int Run(const Command& command, const QueryFlags& flags, std::string question) {
  auto request = MakeQuery(flags);
  if (!request.ok()) return Command::Fail(kUsage, request.status().message());
  if (question == "-") question.assign(std::istreambuf_iterator<char>(std::cin), {});
  v1::ChatMessage& message = *request->add_messages();
  message.set_role("user");
  message.set_content(question);
  const grpc::Status status =
      StreamQuery(command, *request, [&command](const v1::QueryResponse& response) {
        if (command.json) {
          Command::PrintJson(response);
        } else {
          std::cout << ForTerminal(response.text()) << std::flush;
        }
      });
  if (!command.json && status.ok()) std::cout << "\n";
  return status.ok() ? kOk : command.Fail(status);
}

}  // namespace

void AddQuery(CLI::App& app, Command& command) {
  auto flags = std::make_shared<QueryFlags>();
  auto question = std::make_shared<std::string>();
  CLI::App* query = app.add_subcommand("query", "ask the model; the answer is streamed");
  query->add_option("question", *question, "what to ask; - for standard input")
      ->type_name("")
      ->required();
  AddQueryFlags(*query, *flags);
  query->callback([&command, flags, question] {
    command.run = [&command, flags, question] { return Run(command, *flags, *question); };
  });
}

}  // namespace imprint::client
