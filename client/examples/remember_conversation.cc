// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Remembers a conversation, and asks about it in a new one.
//
// usage: remember_conversation [SERVER [USER]]
//
// The server must run: deploy/quickstart.sh starts one. A small model learns what was said
// before it learns every name in it.

#include <iostream>
#include <string>

#include "imprint/client.h"

namespace {

namespace v1 = imprint::v1;
using imprint::client::Answer;

void Add(v1::ChatMessage* message, const std::string& role, const std::string& content) {
  message->set_role(role);
  message->set_content(content);
}

// The answer to one question in a new conversation; `base`: of the model as it came.
grpc::Status AskAlone(imprint::client::Client& client, const std::string& question, bool base,
                      Answer& answer) {
  v1::QueryRequest request;
  Add(request.add_messages(), "user", question);
  request.set_max_tokens(60);
  if (base) request.mutable_version()->set_base(true);
  return Ask(client, request, answer);
}

}  // namespace

int main(int argc, char** argv) {
  imprint::client::ClientOptions options;
  if (argc > 1) options.server = argv[1];
  const std::string user = argc > 2 ? argv[2] : "ada";

  auto client = imprint::client::Client::Make(options);
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }
  const auto fail = [&options](const grpc::Status& status) {
    std::cerr << imprint::client::DescribeError(status, options.server) << "\n";
    return 1;
  };

  v1::QueryRequest chat;
  chat.set_max_tokens(60);
  Add(chat.add_messages(), "system", "You help with travel plans. Answer briefly.");
  for (const char* said : {"I am Ada. I take the ferry at Hollin Quay every Friday.",
                           "My sister Runa lives on the other side, in a yellow house."}) {
    Add(chat.add_messages(), "user", said);
    Answer answer;
    if (const grpc::Status status = Ask(**client, chat, answer); !status.ok()) return fail(status);
    std::cout << user << ": " << said << "\nmodel: " << answer.text << "\n";
    Add(chat.add_messages(), "assistant", answer.text.empty() ? "I see." : answer.text);
  }

  // The label says whose it is: ForgetExperience by labels drops all of it one day.
  v1::InjectContextRequest inject;
  *inject.mutable_content()->mutable_conversation()->mutable_messages() = chat.messages();
  (*inject.mutable_labels())["user"] = user;
  v1::InjectContextResponse injected;
  {
    grpc::ClientContext context;
    (*client)->Prepare(context);
    const grpc::Status status = (*client)->imprint().InjectContext(&context, inject, &injected);
    if (!status.ok()) return fail(status);
  }

  std::cout << "\nremembering ..." << std::endl;
  v1::Experience experience = injected.experience();
  const grpc::Status learned = AwaitIntegrated(**client, absl::Minutes(10), experience);
  if (!learned.ok()) return fail(learned);
  std::cout << experience.name() << " is in version " << experience.version() << "\n";

  // A new conversation: nothing of the first one is in the prompt.
  const std::string question = "Who lives in the yellow house?";
  Answer now;
  Answer before;
  grpc::Status status = AskAlone(**client, question, /*base=*/false, now);
  if (status.ok()) status = AskAlone(**client, question, /*base=*/true, before);
  if (!status.ok()) return fail(status);
  std::cout << "\n"
            << question << "\nversion " << now.version << ": " << now.text
            << "\nwithout what it learned: " << before.text << "\n";
  return 0;
}
