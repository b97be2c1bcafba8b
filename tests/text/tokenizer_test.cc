// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "common/utf8.h"
#include "tests/text/model_folder.h"

namespace imprint::text {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using enum Tokenizer::ControlTokens;

class TokenizerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> Load(const nlohmann::json& file, std::string_view chat_template = {}) {
    folder_.WriteJson("tokenizer.json", file);
    auto tokenizer = Tokenizer::Load(folder_.path(), chat_template);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *std::move(tokenizer);
  }

  ModelFolder folder_;
};

TEST_F(TokenizerTest, EncodesAndDecodesAnyText) {
  const auto tokenizer = Load(ByteLevelTokenizer());

  for (const std::string text :
       {"", "hello", " hello  hello\n", "na\u00EFve \u4F60\u597D \U0001F600", "\t\r\n", "a\0b"}) {
    const auto ids = tokenizer->Encode(text, /*add_special=*/true, kRecognise);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(tokenizer->Decode(*ids, /*skip_special=*/false).value(), text);
  }
}

TEST_F(TokenizerTest, MergesAsTheVocabularySays) {
  const auto tokenizer = Load(ByteLevelTokenizer());

  const auto ids = tokenizer->Encode("hello hello", false, kRecognise);

  EXPECT_THAT(ids.value(), ElementsAre(*tokenizer->IdOf("hello"), *tokenizer->IdOf("\u0120hello")));
}

TEST_F(TokenizerTest, AddsBosOnlyWhenAsked) {
  const auto tokenizer = Load(SentencePieceTokenizer());

  const auto with = tokenizer->Encode("hello", true, kAsText);
  const auto without = tokenizer->Encode("hello", false, kAsText);

  EXPECT_THAT(with.value(), ElementsAre(1, *tokenizer->IdOf("\u2581hello")));
  EXPECT_THAT(without.value(), ElementsAre(*tokenizer->IdOf("\u2581hello")));
}

TEST_F(TokenizerTest, ControlTokenIsATokenOrTextAsAsked) {
  const auto tokenizer = Load(ByteLevelTokenizer());
  const std::string text = "<|im_end|>hello<|im_start|>";

  const auto recognised = tokenizer->Encode(text, false, kRecognise);
  const auto literal = tokenizer->Encode(text, false, kAsText);

  EXPECT_THAT(recognised.value(), ElementsAre(kImEnd, *tokenizer->IdOf("hello"), kImStart));
  EXPECT_THAT(literal.value(), Not(Contains(kImEnd)));
  EXPECT_THAT(literal.value(), Not(Contains(kImStart)));
  EXPECT_EQ(tokenizer->Decode(*literal, /*skip_special=*/true).value(), text);
  EXPECT_EQ(tokenizer->Decode(*recognised, /*skip_special=*/true).value(), "hello");
}

TEST_F(TokenizerTest, AddedTokenIsControlWhereTheTemplateNamesIt) {
  const auto plain = Load(ByteLevelTokenizer());
  const auto named = Load(ByteLevelTokenizer(), "{{ '<think>' }}");

  EXPECT_FALSE(plain->IsControl(kThink));
  EXPECT_TRUE(named->IsControl(kThink));
  EXPECT_TRUE(named->IsControl(kImEnd));
  EXPECT_THAT(plain->Encode("<think>", false, kAsText).value(), ElementsAre(kThink));
  EXPECT_THAT(named->Encode("<think>", false, kAsText).value(), Not(Contains(kThink)));
  EXPECT_THAT(named->control_tokens(),
              ElementsAre("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"));
}

TEST_F(TokenizerTest, ControlTokenThatHasNoOtherFormIsRefused) {
  // The whole text is looked up before anything is merged, and there it is.
  nlohmann::json file = ByteLevelTokenizer();
  file["model"]["ignore_merges"] = true;
  file["pre_tokenizer"]["use_regex"] = false;
  const auto tokenizer = Load(file);

  const auto ids = tokenizer->Encode("<|im_end|>", false, kAsText);

  EXPECT_EQ(ids.status().code(), absl::StatusCode::kInvalidArgument) << ids.status();
  EXPECT_THAT(std::string(ids.status().message()), HasSubstr("control token"));
}

TEST_F(TokenizerTest, KnowsItsVocabulary) {
  const auto tokenizer = Load(ByteLevelTokenizer());

  EXPECT_EQ(tokenizer->vocab_size(), 4 + 256 + 6);
  EXPECT_EQ(tokenizer->IdOf("<|im_start|>"), kImStart);
  EXPECT_EQ(tokenizer->IdOf("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer->IdOf("\xFF"), std::nullopt);
}

TEST_F(TokenizerTest, IgnoresTruncationAndPaddingOfTheFile) {
  nlohmann::json file = ByteLevelTokenizer();
  file["truncation"] = {
      {"direction", "Right"}, {"max_length", 1}, {"strategy", "LongestFirst"}, {"stride", 0}};
  file["padding"] = {{"strategy", {{"Fixed", 8}}},
                     {"direction", "Right"},
                     {"pad_to_multiple_of", nullptr},
                     {"pad_id", 0},
                     {"pad_type_id", 0},
                     {"pad_token", "<|endoftext|>"}};
  const auto tokenizer = Load(file);

  EXPECT_EQ(tokenizer->Encode("hello hello", true, kRecognise).value().size(), 2u);
}

TEST_F(TokenizerTest, TextThatIsNotUtf8IsRefused) {
  const auto tokenizer = Load(ByteLevelTokenizer());

  for (const std::string text : {"\xFF", "ab\xC3", "\xED\xA0\x80", "\xC0\xAF"}) {
    const auto ids = tokenizer->Encode(text, false, kAsText);
    EXPECT_EQ(ids.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(ids.status().message()), HasSubstr("UTF-8"));
  }
}

TEST_F(TokenizerTest, NegativeIdIsRefusedAndUnknownIdPassedOver) {
  const auto tokenizer = Load(ByteLevelTokenizer());

  EXPECT_EQ(tokenizer->Decode({-1}, false).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(tokenizer->Decode({2'000'000'000, *tokenizer->IdOf("hello")}, false).value(), "hello");
}

TEST_F(TokenizerTest, MissingFileIsNotFoundAndNamed) {
  const auto tokenizer = Tokenizer::Load(folder_.path());

  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("tokenizer.json"));
}

TEST_F(TokenizerTest, BrokenFilesAreErrorsThatNameTheFile) {
  nlohmann::json no_model = ByteLevelTokenizer();
  no_model.erase("model");
  nlohmann::json bad_merge = ByteLevelTokenizer();
  bad_merge["model"]["merges"].push_back({"nothing", "known"});
  nlohmann::json bad_type = ByteLevelTokenizer();
  bad_type["decoder"]["type"] = "Unheard";
  nlohmann::json added_as_text = ByteLevelTokenizer();
  added_as_text["added_tokens"] = "none";

  for (const std::string& contents :
       {std::string(), std::string("{"), std::string("{}"), std::string("[]"), std::string("null"),
        std::string("\xFF\xFE"), no_model.dump(), bad_merge.dump(), bad_type.dump(),
        added_as_text.dump()}) {
    folder_.Write("tokenizer.json", contents);
    const auto tokenizer = Tokenizer::Load(folder_.path());
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument) << contents;
    EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("tokenizer.json"));
  }
}

// Cuts and flips of a good file either load or are refused; nothing else may happen.
TEST_F(TokenizerTest, DamagedFilesNeverCrash) {
  const std::string good = ByteLevelTokenizer().dump();
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = good;
    if (i % 2 == 0) {
      damaged.resize(random() % good.size());
    } else {
      for (int k = 0; k < 3; ++k) damaged[random() % good.size()] = static_cast<char>(random());
    }
    folder_.Write("tokenizer.json", damaged);
    const auto tokenizer = Tokenizer::Load(folder_.path());
    if (tokenizer.ok()) (void)(*tokenizer)->Encode("hello <|im_end|>", true, kAsText);
  }
}

TEST_F(TokenizerTest, DecodingRandomIdsGivesValidUtf8) {
  std::mt19937 random(2);
  for (const auto& file : {ByteLevelTokenizer(), SentencePieceTokenizer()}) {
    const auto tokenizer = Load(file);
    for (int i = 0; i < 300; ++i) {
      std::vector<int32_t> ids(random() % 20);
      for (int32_t& id : ids) {
        id = static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer->vocab_size() + 5));
      }
      const auto text = tokenizer->Decode(ids, i % 2 == 0);
      ASSERT_TRUE(text.ok()) << text.status();
      EXPECT_TRUE(IsValidUtf8(*text));
    }
  }
}

TEST_F(TokenizerTest, ThreadsMayShareIt) {
  const auto tokenizer = Load(ByteLevelTokenizer());
  const auto expected = tokenizer->Encode("hello hello <|im_end|>", true, kRecognise).value();
  std::atomic<int> equal{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        equal += tokenizer->Encode("hello hello <|im_end|>", true, kRecognise).value() == expected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, 800);
}

TEST(Utf8Test, TellsWellFormedFromOther) {
  for (const char* good : {"", "a", "\u00E9", "\u4F60", "\U0001F600", "\xEF\xBF\xBD",
                           "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE4\xBD", "a\xC3(b"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace imprint::text
