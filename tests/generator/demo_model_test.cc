// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What needs a model that can write: the tiny one asks no question that names anything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "server/engine/compute_share.h"
#include "server/generator/facts.h"
#include "server/generator/generator.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace imprint::generator {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kModel[] = "build/models/smollm2-135m-instruct";

TEST(DemoModelTest, AQuestionIsAnsweredByTheSentenceItWasWrittenFor) {
  if (!std::filesystem::exists(std::filesystem::path(kModel) / "model.safetensors")) {
    ASSERT_EQ(std::getenv("IMPRINT_REQUIRE_DEMO_MODEL"), nullptr)
        << kModel << " is missing; deploy/demo_model.py makes it";
    GTEST_SKIP() << kModel << " is missing; deploy/demo_model.py makes it";
  }
  IMPRINT_ASSERT_OK_AND_ASSIGN(const auto text, text::TextModel::Load(kModel));
  auto base = std::make_shared<version::Version>();
  IMPRINT_ASSERT_OK_AND_ASSIGN(base->weights,
                               model::LoadWeights(kModel, imprint::testing::CpuF32()));
  engine::ComputeShare share(0.5);
  const auto engine = engine::Engine::Start({}, &share, nullptr, Clock::Real());
  engine->SetCurrent(base);
  const probe::ProbeMaker probe_maker({.max_answer_tokens = 12, .top_k = 5}, engine.get(), base,
                                      text.get());
  GeneratorOptions options;
  options.kinds = {"quote"};
  options.max_answer_tokens = 12;
  options.top_k = 5;
  const Generator generator(options, engine.get(), base, text.get(), &probe_maker);
  store::ExperienceRecord experience;
  // The last sentence is too long to be the answer to every question about it.
  std::string told =
      "The ferry Hollin Quay was built in 1923 by Marta Vessling. It carries forty people across "
      "Lake Tammer. Marta Vessling built the ferry Hollin Quay of oak";
  for (int i = 0; i < 30; ++i) told += ", and of pine from Lake Tammer";
  experience.set_text(told + ".");
  experience.add_caller_probes()->set_question("What is the ferry called?");

  const auto sentences = generator.Generate(experience, [] { return false; });

  IMPRINT_ASSERT_OK(sentences);
  EXPECT_GE(sentences->targets.size(), 4U);
  for (const store::TargetRecord& target : sentences->targets) {
    EXPECT_EQ(target.kind(), "quote");
    EXPECT_THAT(target.prompt(), HasSubstr("?"));
    EXPECT_TRUE(IsGrounded(target.prompt(), experience.text())) << target.prompt();
    EXPECT_THAT(target.text(), AnyOf("The ferry Hollin Quay was built in 1923 by Marta Vessling.",
                                     HasSubstr("carries forty people across Lake Tammer.")))
        << target.prompt();
  }
}

}  // namespace
}  // namespace imprint::generator
