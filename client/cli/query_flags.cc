// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/query_flags.h"

#include "common/status_macros.h"

namespace imprint::client {

void AddQueryFlags(CLI::App& verb, QueryFlags& flags) {
  verb.add_option("--version", flags.version, "which weights answer: latest, base or a number")
      ->type_name("VERSION")
      ->capture_default_str();
  verb.add_option("--system", flags.system, "a system message before the chat")->type_name("TEXT");
  verb.add_option("--max_tokens", flags.max_tokens,
                  "length of an answer in tokens; 0 or none: the server's default")
      ->type_name("N");
  verb.add_option("--temperature", flags.temperature, "0 or none: always the likeliest token")
      ->type_name("X");
  verb.add_option("--top_p", flags.top_p,
                  "sample from the likeliest tokens with this mass together; 0 or none: off")
      ->type_name("X");
  verb.add_option("--top_k", flags.top_k,
                  "sample from this many of the likeliest tokens; 0 or none: off")
      ->type_name("N");
  verb.add_option("--stop", flags.stop, "end before this text; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  verb.add_option("--seed", flags.seed, "the same seed gives the same sample")
      ->check(NotNegative())
      ->type_name("N");
  verb.add_flag("--pending_context", flags.pending_context,
                "put experiences that are not in the weights yet into the prompt");
  verb.add_option("--pending_label", flags.pending_labels,
                  "of those only the ones with this label; may be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

absl::StatusOr<v1::QueryRequest> MakeQuery(const QueryFlags& flags) {
  v1::QueryRequest request;
  IMPRINT_ASSIGN_OR_RETURN(*request.mutable_version(), ParseVersion(flags.version));
  if (!flags.system.empty()) {
    v1::ChatMessage& message = *request.add_messages();
    message.set_role("system");
    message.set_content(flags.system);
  }
  request.set_max_tokens(flags.max_tokens);
  request.set_temperature(flags.temperature);
  request.set_top_p(flags.top_p);
  request.set_top_k(flags.top_k);
  request.mutable_stop()->Add(flags.stop.begin(), flags.stop.end());
  if (flags.seed.has_value()) request.set_seed(*flags.seed);
  if (!flags.pending_context && !flags.pending_labels.empty()) {
    return absl::InvalidArgumentError("--pending_label goes with --pending_context");
  }
  if (flags.pending_context) {
    request.mutable_pending_context()->set_enabled(true);
    IMPRINT_RETURN_IF_ERROR(
        ParseLabels(flags.pending_labels, *request.mutable_pending_context()->mutable_labels()));
  }
  return request;
}

grpc::Status StreamQuery(const Command& command, const v1::QueryRequest& request,
                         const std::function<void(const v1::QueryResponse&)>& on_response) {
  grpc::ClientContext context;
  command.client->PrepareLong(context);
  const auto reader = command.client->imprint().Query(&context, request);
  v1::QueryResponse response;
  while (reader->Read(&response)) on_response(response);
  return reader->Finish();
}

}  // namespace imprint::client
