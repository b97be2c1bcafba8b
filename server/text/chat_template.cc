// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/chat_template.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_util.h"
#include "common/status_macros.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"
#include "server/text/json_file.h"
#include "server/text/rust_handle.h"

namespace imprint::text {

const std::string_view kPlainTemplate =
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\n\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}";

namespace {

// The template in tokenizer_config.json; empty where there is none.
absl::StatusOr<std::string> TemplateOfConfig(const std::filesystem::path& path) {
  IMPRINT_ASSIGN_OR_RETURN(const nlohmann::json config, ReadJsonObject(path));
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return std::string();
  if (found->is_string()) return found->get<std::string>();
  const auto broken = [&path] {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(),
        ": chat_template is neither a template nor a list of {\"name\", \"template\"} with one "
        "named \"default\""));
  };
  if (!found->is_array()) return broken();
  for (const nlohmann::json& named : *found) {
    if (!named.is_object() || named.value("name", nlohmann::json()) != "default") continue;
    const auto source = named.find("template");
    if (source == named.end() || !source->is_string()) return broken();
    return source->get<std::string>();
  }
  return broken();
}

void SetUnlessEmpty(nlohmann::ordered_json& variables, const char* name, const std::string& token) {
  if (!token.empty()) variables[name] = token;
}

}  // namespace

void ChatTemplate::Free::operator()(ImprintTextTemplate* chat_template) const {
  imprint_text_template_free(chat_template);
}

ChatTemplate::~ChatTemplate() = default;

absl::StatusOr<std::unique_ptr<ChatTemplate>> ChatTemplate::Load(
    const std::filesystem::path& dir, const SpecialTokens& special_tokens) {
  std::filesystem::path path = dir / "chat_template.jinja";
  absl::StatusOr<std::string> source = ReadFile(path);
  if (absl::IsNotFound(source.status())) {
    path = dir / "tokenizer_config.json";
    source = TemplateOfConfig(path);
  }
  if (!source.ok()) return source.status();
  const bool is_models_own = !source->empty();
  if (!is_models_own) source = std::string(kPlainTemplate);
  auto chat_template = FromSource(*std::move(source), special_tokens, path.string());
  if (chat_template.ok()) (*chat_template)->is_models_own_ = is_models_own;
  return chat_template;
}

absl::StatusOr<std::unique_ptr<ChatTemplate>> ChatTemplate::FromSource(
    std::string source, const SpecialTokens& special_tokens, std::string where) {
  auto chat_template = absl::WrapUnique(new ChatTemplate());
  ImprintTextTemplate* handle = nullptr;
  ImprintTextBytes error{};
  if (imprint_text_template_new(source.data(), source.size(), &handle, &error) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the chat template cannot be read: ", TakeBytes(error)));
  }
  chat_template->template_.reset(handle);
  chat_template->source_ = std::move(source);
  chat_template->where_ = std::move(where);
  chat_template->special_tokens_ = special_tokens;
  return chat_template;
}

absl::StatusOr<std::string> ChatTemplate::Render(absl::Span<const ChatMessage> messages,
                                                 bool add_generation_prompt) const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    if (!IsValidUtf8(message.role) || !IsValidUtf8(message.content)) {
      return absl::InvalidArgumentError(
          absl::StrCat("message ", list.size() + 1, " of the chat is not UTF-8"));
    }
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  // The names that `transformers` defines, in its order: a template may print them. A token that
  // the model lacks stays undefined.
  nlohmann::ordered_json variables = {{"messages", std::move(list)},
                                      {"add_generation_prompt", add_generation_prompt},
                                      {"tools", nullptr},
                                      {"documents", nullptr}};
  SetUnlessEmpty(variables, "bos_token", special_tokens_.bos);
  SetUnlessEmpty(variables, "eos_token", special_tokens_.eos);
  SetUnlessEmpty(variables, "pad_token", special_tokens_.pad);
  SetUnlessEmpty(variables, "unk_token", special_tokens_.unk);

  const std::string json = variables.dump();
  ImprintTextBytes text{};
  ImprintTextBytes error{};
  if (imprint_text_template_render(template_.get(), json.data(), json.size(), &text, &error) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the chat template refuses these messages: ", TakeBytes(error), " (", where_, ")"));
  }
  return TakeBytes(text);
}

}  // namespace imprint::text
