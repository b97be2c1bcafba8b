// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "client/cli/export_experiences.h"
#include "client/cli/inject_source.h"
#include "tests/testing/status_matchers.h"

namespace imprint::client {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

v1::Experience Stored() {
  v1::Experience experience;
  experience.set_name("experiences/3");
  experience.set_request_id("ferry");
  experience.mutable_content()->set_text("The ferry is \"yellow\".\n");
  (*experience.mutable_labels())["user"] = "ada";
  v1::StoredTarget& pair = *experience.add_targets();
  pair.set_kind("caller");
  pair.set_prompt("Which colour?");
  pair.set_text("Yellow.");
  v1::StoredTarget& plain = *experience.add_targets();
  plain.set_kind("caller");
  plain.set_text("Yellow it is.");
  v1::StoredTarget& generated = *experience.add_targets();
  generated.set_kind("rewrite");
  generated.set_text("Made by the server.");
  v1::Probe& probe = *experience.add_probes();
  probe.set_origin("caller");
  probe.set_question("What is yellow?");
  probe.set_expected_answer("the ferry");
  v1::Probe& own = *experience.add_probes();
  own.set_origin("generator");
  own.set_question("Made by the server?");
  experience.mutable_expire_time()->set_seconds(1090);
  return experience;
}

TEST(ToInjectItem, IsReadBackAsTheRequestThatItWas) {
  const std::string line = ToInjectItem(Stored(), "older", kNow).dump();

  IMPRINT_ASSERT_OK_AND_ASSIGN(const v1::InjectContextRequest request, ParseItem(line));

  EXPECT_EQ(request.request_id(), "ferry");
  EXPECT_EQ(request.content().text(), "The ferry is \"yellow\".\n");
  EXPECT_EQ(request.labels().at("user"), "ada");
  ASSERT_EQ(request.targets_size(), 2);
  EXPECT_EQ(request.targets(0).question_answer().answer(), "Yellow.");
  EXPECT_EQ(request.targets(1).text(), "Yellow it is.");
  ASSERT_EQ(request.probes_size(), 1);
  EXPECT_EQ(request.probes(0).expected_answer(), "the ferry");
  EXPECT_EQ(request.ttl().seconds(), 90);
  EXPECT_EQ(request.supersedes(), "older");
}

TEST(ToInjectItem, ConversationKeepsItsTurns) {
  v1::Experience experience;
  experience.set_request_id("chat");
  v1::ChatMessage& message = *experience.mutable_content()->mutable_conversation()->add_messages();
  message.set_role("user");
  message.set_content("I am Tavo.");

  IMPRINT_ASSERT_OK_AND_ASSIGN(const v1::InjectContextRequest request,
                               ParseItem(ToInjectItem(experience, "", kNow).dump()));

  ASSERT_EQ(request.content().conversation().messages_size(), 1);
  EXPECT_EQ(request.content().conversation().messages(0).content(), "I am Tavo.");
  EXPECT_FALSE(request.has_ttl());
}

}  // namespace
}  // namespace imprint::client
