// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// imprint chat: a conversation with the model in the terminal.

#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include "client/cli/output.h"
#include "client/cli/query_flags.h"

namespace imprint::client {
namespace {

constexpr char kHelp[] =
    "/version V  ask base, latest or a number from now on\n"
    "/reset      forget this conversation\n"
    "/quit       leave (or end of file)\n";

// One conversation. Each turn sends all of it.
class Conversation {
 public:
  Conversation(const Command& command, const QueryFlags& flags)
      : command_(command), flags_(flags) {}

  // Gives false when `line` asks to leave.
  bool Handle(const std::string& line, int& code) {
    if (line.empty()) return true;
    if (line == "/quit") return false;
    if (line == "/help") {
      std::cerr << kHelp;
    } else if (line == "/reset") {
      turns_.clear();
    } else if (line.rfind("/version ", 0) == 0) {
      const auto version = ParseVersion(line.substr(9));
      if (version.ok()) {
        flags_.version = line.substr(9);
      } else {
        Command::Fail(kUsage, version.status().message());
      }
    } else if (line[0] == '/') {
      std::cerr << "unknown command\n" << kHelp;
    } else {
      code = Ask(line);
    }
    return true;
  }

 private:
  int Ask(const std::string& line) {
    auto request = MakeQuery(flags_);
    if (!request.ok()) return Command::Fail(kUsage, request.status().message());
    Add("user", line);
    for (const v1::ChatMessage& turn : turns_) *request->add_messages() = turn;
    std::string answer;
    const grpc::Status status = StreamQuery(command_, *request, [&](const auto& response) {
      answer += response.text();
      if (command_.json) {
        Command::PrintJson(response);
      } else {
        std::cout << ForTerminal(response.text()) << std::flush;
      }
    });
    if (!command_.json) std::cout << "\n";
    if (!status.ok()) {
      turns_.pop_back();  // the next turn must not carry a question without an answer
      return command_.Fail(status);
    }
    Add("assistant", answer);
    return kOk;
  }

  void Add(const std::string& role, const std::string& content) {
    v1::ChatMessage& turn = turns_.emplace_back();
    turn.set_role(role);
    turn.set_content(content);
  }

  const Command& command_;
  QueryFlags flags_;
  std::vector<v1::ChatMessage> turns_;
};

int Run(const Command& command, const QueryFlags& flags) {
  const bool terminal = isatty(STDIN_FILENO) == 1 && !command.json;
  if (terminal) std::cout << "Chatting with " << command.options.server << "; /help lists more.\n";
  Conversation conversation(command, flags);
  int code = kOk;
  std::string line;
  while (true) {
    if (terminal) std::cout << "> " << std::flush;
    if (!std::getline(std::cin, line) || !conversation.Handle(line, code)) break;
  }
  if (terminal) std::cout << "\n";
  return code;
}

}  // namespace

void AddChat(CLI::App& app, Command& command) {
  auto flags = std::make_shared<QueryFlags>();
  CLI::App* chat = app.add_subcommand("chat", "talk with the model, turn by turn");
  AddQueryFlags(*chat, *flags);
  chat->callback(
      [&command, flags] { command.run = [&command, flags] { return Run(command, *flags); }; });
}

}  // namespace imprint::client
