// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Tells the model something, uses it at once, and waits until it is in the weights.
//
// usage: wait_for_integration [SERVER [TEXT QUESTION]]

#include <iostream>
#include <string>

#include "imprint/client.h"

namespace v1 = imprint::v1;

int main(int argc, char** argv) {
  imprint::client::ClientOptions options;
  if (argc > 1) options.server = argv[1];
  const std::string text = argc > 3 ? argv[2] : "The ferry at Hollin Quay is yellow.";
  const std::string question = argc > 3 ? argv[3] : "Which colour is the ferry at Hollin Quay?";

  auto client = imprint::client::Client::Make(options);
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }
  const auto fail = [&options](const grpc::Status& status) {
    std::cerr << imprint::client::DescribeError(status, options.server) << "\n";
    return 1;
  };

  // Returns as soon as it is durable. The question measures how well it was learned; it is
  // never trained on.
  v1::InjectContextRequest inject;
  inject.mutable_content()->set_text(text);
  inject.add_probes()->set_question(question);
  v1::InjectContextResponse injected;
  {
    grpc::ClientContext context;
    (*client)->Prepare(context);
    const grpc::Status status = (*client)->imprint().InjectContext(&context, inject, &injected);
    if (!status.ok()) return fail(status);
  }
  v1::Experience experience = injected.experience();
  std::cout << experience.name() << " is accepted\n";

  // Until it is learned, it can be put into the prompt.
  v1::QueryRequest query;
  query.set_max_tokens(60);
  v1::ChatMessage& message = *query.add_messages();
  message.set_role("user");
  message.set_content(question);
  query.mutable_pending_context()->set_enabled(true);
  imprint::client::Answer answer;
  if (const grpc::Status status = Ask(**client, query, answer); !status.ok()) return fail(status);
  std::cout << "from the prompt: " << answer.text << "\n";

  // Without RunUpdate the server learns when enough has come together, or has waited long
  // enough (--update.min_batch, --update.max_age).
  {
    grpc::ClientContext context;
    (*client)->Prepare(context);
    v1::RunUpdateResponse asked;
    const grpc::Status status = (*client)->admin().RunUpdate(&context, {}, &asked);
    if (!status.ok()) return fail(status);
  }
  const grpc::Status status = AwaitIntegrated(**client, absl::Minutes(10), experience);
  if (!status.ok()) return fail(status);
  std::cout << experience.name() << " is in version " << experience.version();
  if (experience.has_efficacy()) std::cout << ", efficacy " << experience.efficacy();

  query.clear_pending_context();
  answer = {};
  if (const grpc::Status asked = Ask(**client, query, answer); !asked.ok()) return fail(asked);
  std::cout << "\nfrom the weights of version " << answer.version << ": " << answer.text << "\n";
  return 0;
}
