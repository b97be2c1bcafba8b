// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/text/special_tokens.h"
#include "tests/text/model_folder.h"

namespace imprint::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<ChatMessage>& Question() {
  static const auto& messages = *new std::vector<ChatMessage>{
      {.role = "system", .content = "Be kind."}, {.role = "user", .content = "Wh\u00E9re? <b>"}};
  return messages;
}

absl::StatusOr<std::string> RenderSource(const std::string& source,
                                         const SpecialTokens& tokens = {}) {
  const auto chat_template = ChatTemplate::FromSource(source, tokens, "test.jinja");
  if (!chat_template.ok()) return chat_template.status();
  return (*chat_template)->Render(Question(), /*add_generation_prompt=*/true);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(ChatTemplateTest, RendersTheTemplateOfTheConfig) {
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json", ChatMlConfig());

  const auto chat_template = ChatTemplate::Load(folder.path(), {});

  ASSERT_TRUE(chat_template.ok()) << chat_template.status();
  EXPECT_TRUE((*chat_template)->is_models_own());
  EXPECT_EQ((*chat_template)->Render(Question(), true).value(),
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nWh\u00E9re? <b><|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ((*chat_template)->Render({{.role = "user", .content = ""}}, false).value(),
            "<|im_start|>user\n<|im_end|>\n");
}

TEST(ChatTemplateTest, TakesTheDefaultOfNamedTemplates) {
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json",
                   nlohmann::json{{"chat_template",
                                   {{{"name", "tool_use"}, {"template", "tools"}},
                                    {{"name", "default"}, {"template", "chat"}}}}});

  const auto chat_template = ChatTemplate::Load(folder.path(), {});

  EXPECT_EQ((*chat_template)->Render(Question(), true).value(), "chat");
}

TEST(ChatTemplateTest, AFileOfItsOwnComesBeforeTheConfig) {
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json", ChatMlConfig());
  folder.Write("chat_template.jinja", "{{ messages[1].content }}");

  const auto chat_template = ChatTemplate::Load(folder.path(), {});

  EXPECT_EQ((*chat_template)->Render(Question(), true).value(), "Wh\u00E9re? <b>");
}

TEST(ChatTemplateTest, ABaseModelGetsThePlainTemplate) {
  const ModelFolder folder;

  const auto chat_template = ChatTemplate::Load(folder.path(), {});

  ASSERT_TRUE(chat_template.ok()) << chat_template.status();
  EXPECT_FALSE((*chat_template)->is_models_own());
  EXPECT_EQ((*chat_template)->Render(Question(), true).value(),
            "System: Be kind.\n\nUser: Wh\u00E9re? <b>\n\nAssistant:");
}

TEST(ChatTemplateTest, SpecialTokensAreVariablesAndOthersUndefined) {
  SpecialTokens tokens;
  tokens.bos = "<s>";

  EXPECT_EQ(
      RenderSource("{{ bos_token }}{{ eos_token is defined }}{{ tools is none }}", tokens).value(),
      "<s>FalseTrue");
}

TEST(ChatTemplateTest, TemplateThatRefusesGivesItsReason) {
  const auto text = RenderSource("{{ raise_exception('Roles must alternate') }}");

  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(text.status()), HasSubstr("Roles must alternate"));
  EXPECT_THAT(Message(text.status()), HasSubstr("test.jinja"));
}

TEST(ChatTemplateTest, PythonIsUnderstood) {
  EXPECT_EQ(RenderSource("{{ messages[0].content.upper().split(' ')[0] }}"
                         "{{ messages | length }}{{ messages[1].content[:2] }}"
                         "{% set ns = namespace(n=0) %}{% for m in messages %}"
                         "{% set ns.n = ns.n + loop.index %}{% endfor %}{{ ns.n }}"
                         "{{ messages[1] | tojson }}")
                .value(),
            "BE2Wh3{\"role\": \"user\", \"content\": \"Wh\u00E9re? <b>\"}");
}

TEST(ChatTemplateTest, MessageThatIsNotUtf8IsNamed) {
  const auto chat_template = ChatTemplate::FromSource("x", {}, "test.jinja");

  const auto text =
      (*chat_template)
          ->Render({{.role = "user", .content = "ok"}, {.role = "user", .content = "\xFF"}}, true);

  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(text.status()), HasSubstr("message 2"));
}

TEST(ChatTemplateTest, BrokenTemplatesAreErrorsThatNameTheFile) {
  ModelFolder folder;
  for (const nlohmann::json& value :
       {nlohmann::json("{% if %}"), nlohmann::json("{{"), nlohmann::json(7),
        nlohmann::json::array({{{"name", "rag"}, {"template", "x"}}}),
        nlohmann::json::array({{{"name", "default"}}}), nlohmann::json::array({1})}) {
    folder.WriteJson("tokenizer_config.json", nlohmann::json{{"chat_template", value}});
    const auto chat_template = ChatTemplate::Load(folder.path(), {});
    EXPECT_EQ(chat_template.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(Message(chat_template.status()), HasSubstr("tokenizer_config.json"));
  }
  folder.Write("tokenizer_config.json", "not json");
  EXPECT_THAT(Message(ChatTemplate::Load(folder.path(), {}).status()),
              HasSubstr("tokenizer_config.json"));
}

TEST(SpecialTokensTest, ReadsAllThreeFiles) {
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json", ChatMlConfig());
  folder.WriteJson("generation_config.json", nlohmann::json{{"eos_token_id", {2, 7}}});
  folder.WriteJson("config.json", nlohmann::json{{"eos_token_id", 0}});

  const auto tokens = LoadSpecialTokens(folder.path());

  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->bos, "<|im_start|>");
  EXPECT_EQ(tokens->eos, "<|im_end|>");
  EXPECT_EQ(tokens->pad, "");
  EXPECT_THAT(tokens->eos_ids, ElementsAre(2, 7, 0));
}

TEST(SpecialTokensTest, MissingFilesAndNullsSayNothing) {
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json", nlohmann::json{{"bos_token", nullptr}});
  folder.WriteJson("config.json", nlohmann::json{{"eos_token_id", nullptr}});

  const auto tokens = LoadSpecialTokens(folder.path());

  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->bos, "");
  EXPECT_THAT(tokens->eos_ids, IsEmpty());
}

TEST(SpecialTokensTest, WrongTypesAreErrorsThatNameFileAndField) {
  for (const nlohmann::json& value : {nlohmann::json("2"), nlohmann::json(-1), nlohmann::json(1.5),
                                      nlohmann::json({1, "x"}), nlohmann::json(5'000'000'000)}) {
    ModelFolder folder;
    folder.WriteJson("config.json", nlohmann::json{{"eos_token_id", value}});
    const auto tokens = LoadSpecialTokens(folder.path());
    EXPECT_EQ(tokens.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(Message(tokens.status()), HasSubstr("config.json: eos_token_id"));
  }
  ModelFolder folder;
  folder.WriteJson("tokenizer_config.json", nlohmann::json{{"bos_token", 3}});
  EXPECT_THAT(Message(LoadSpecialTokens(folder.path()).status()), HasSubstr("bos_token"));
}

}  // namespace
}  // namespace imprint::text
