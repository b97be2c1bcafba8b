// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Awkward texts and chats, against what `transformers` made of them. The files in
// tests/golden/text name the model folder, below tests/golden or build/models:
//
//   {"model": "tiny-chat",
//    "texts": [{"text": "...", "ids": [...]}],
//    "chats": [{"messages": [{"role", "content"}], "add_generation_prompt": true,
//               "rendered": "...", "ids": [...]}]}

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "nlohmann/json.hpp"
#include "server/text/text_model.h"

namespace imprint::text {
namespace {

std::vector<std::filesystem::path> GoldenFiles() {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/text", error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  return files;
}

// The folder of a model that a golden file names.
std::filesystem::path ModelDir(const nlohmann::json& golden) {
  const auto name = golden.at("model").get<std::string>();
  const std::filesystem::path committed = std::filesystem::path("tests/golden") / name;
  if (std::filesystem::exists(committed)) return committed;
  return std::filesystem::path("build/models") / name;
}

class GoldenTextTest : public ::testing::Test {
 protected:
  // Calls `check` with each golden file and its model.
  template <typename Check>
  void ForEachFile(Check check) {
    std::string left_out;
    const auto files = GoldenFiles();
    ASSERT_FALSE(files.empty()) << "no files in tests/golden/text";
    for (const auto& file : files) {
      SCOPED_TRACE(file.string());
      std::ifstream stream(file);
      const nlohmann::json golden = nlohmann::json::parse(stream);
      const std::filesystem::path dir = ModelDir(golden);
      if (!std::filesystem::exists(dir) && std::getenv("IMPRINT_REQUIRE_DEMO_MODEL") == nullptr) {
        left_out += " " + dir.string();
        continue;
      }
      const auto model = TextModel::Load(dir);
      ASSERT_TRUE(model.ok()) << model.status();
      check(golden, **model);
    }
    if (!left_out.empty()) GTEST_SKIP() << "not there:" << left_out << "; see deploy/demo_model.py";
  }
};

TEST_F(GoldenTextTest, TextsAreTokenisedAsByTransformers) {
  ForEachFile([](const nlohmann::json& golden, const TextModel& model) {
    for (const nlohmann::json& entry : golden.at("texts")) {
      const auto text = entry.at("text").get<std::string>();
      const auto expected = entry.at("ids").get<std::vector<int32_t>>();
      const auto ids = model.tokenizer().Encode(text, false, Tokenizer::ControlTokens::kRecognise);
      EXPECT_EQ(ids.value(), expected) << text;
      if (entry.contains("decoded")) {
        EXPECT_EQ(model.tokenizer().Decode(expected, false).value(),
                  entry.at("decoded").get<std::string>())
            << text;
      }
    }
  });
}

TEST_F(GoldenTextTest, ChatsAreRenderedAndTokenisedAsByTransformers) {
  ForEachFile([](const nlohmann::json& golden, const TextModel& model) {
    const std::filesystem::path dir = ModelDir(golden);
    const auto chat_template = ChatTemplate::Load(dir, LoadSpecialTokens(dir).value());
    ASSERT_TRUE(chat_template.ok()) << chat_template.status();
    for (const nlohmann::json& entry : golden.at("chats")) {
      std::vector<ChatMessage> messages;
      for (const nlohmann::json& message : entry.at("messages")) {
        messages.push_back({.role = message.at("role"), .content = message.at("content")});
      }
      const bool add_generation_prompt = entry.value("add_generation_prompt", true);
      EXPECT_EQ((*chat_template)->Render(messages, add_generation_prompt).value(),
                entry.at("rendered").get<std::string>());
      EXPECT_EQ(model.EncodeChat(messages, add_generation_prompt).value(),
                entry.at("ids").get<std::vector<int32_t>>())
          << entry.at("rendered");
    }
  });
}

}  // namespace
}  // namespace imprint::text
