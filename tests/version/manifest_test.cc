// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/version/manifest.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/testing/status_matchers.h"

namespace imprint::version {
namespace {

using ::imprint::testing::IsError;
using ::testing::HasSubstr;

Manifest Example() {
  return {.number = 3,
          .parent = 1,
          .model_fingerprint = "abc",
          .deltas = {{.file = "delta-0.safetensors",
                      .rank = 4,
                      .scale = 2.5,
                      .tensors = {{"a", "01"}, {"b", "02"}}}}};
}

// The example with one field replaced (or taken out, by null).
std::string With(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json document = nlohmann::json::parse(FormatManifest(Example()));
  document[nlohmann::json::json_pointer(pointer)] = value;
  return document.dump();
}

TEST(ManifestTest, ReadsWhatItWrites) {
  IMPRINT_ASSERT_OK_AND_ASSIGN(const Manifest manifest,
                               ParseManifest(FormatManifest(Example()), "m.json"));

  EXPECT_EQ(manifest.number, 3);
  EXPECT_EQ(manifest.parent, 1);
  EXPECT_EQ(manifest.model_fingerprint, "abc");
  ASSERT_EQ(manifest.deltas.size(), 1u);
  EXPECT_EQ(manifest.deltas[0].file, "delta-0.safetensors");
  EXPECT_EQ(manifest.deltas[0].rank, 4);
  EXPECT_EQ(manifest.deltas[0].scale, 2.5);
  EXPECT_EQ(manifest.deltas[0].tensors, Example().deltas[0].tensors);
}

TEST(ManifestTest, TextThatIsNoJsonIsDataLossNamingTheFile) {
  EXPECT_THAT(ParseManifest("{\"format_version\": 1", "dir/m.json"),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("dir/m.json")));
}

TEST(ManifestTest, FieldsOfTheWrongKindAreNamed) {
  for (const char* pointer :
       {"/format_version", "/number", "/parent", "/model_fingerprint", "/deltas", "/deltas/0/file",
        "/deltas/0/rank", "/deltas/0/scale", "/deltas/0/tensors"}) {
    const std::string text = With(pointer, nullptr);
    const std::string name(std::string_view(pointer).substr(std::string(pointer).rfind('/') + 1));

    EXPECT_THAT(ParseManifest(text, "m.json"),
                IsError(absl::StatusCode::kDataLoss, HasSubstr("\"" + name + "\"")));
  }
}

TEST(ManifestTest, DeltaWithoutDigestsIsRefused) {
  EXPECT_THAT(ParseManifest(With("/deltas/0/tensors", nlohmann::json::object()), "m.json"),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("tensors")));
}

TEST(ManifestTest, DeltaOutsideOfTheDirectoryIsRefused) {
  for (const char* file : {"../delta-0.safetensors", "/etc/passwd", "", "a/b", ".", ".."}) {
    EXPECT_THAT(ParseManifest(With("/deltas/0/file", file), "m.json"),
                IsError(absl::StatusCode::kDataLoss, HasSubstr("file")))
        << file;
  }
}

TEST(ManifestTest, NewerFormatIsRefusedWithTheWayOut) {
  EXPECT_THAT(ParseManifest(With("/format_version", kManifestFormatVersion + 1), "m.json"),
              IsError(absl::StatusCode::kFailedPrecondition, HasSubstr("newer")));
}

TEST(ManifestTest, NumbersThatDoNotFitAreNotTakenForOthers) {
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  for (const char* field : {"/format_version", "/number", "/parent", "/deltas/0/rank"}) {
    EXPECT_THAT(
        ParseManifest(With(field, kLargest), "m.json"),
        IsError(absl::StatusCode::kDataLoss, HasSubstr(field + std::string(field).rfind('/') + 1)))
        << field;
  }
}

TEST(ManifestTest, DeepNestingIsNoManifest) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(ParseManifest(R"({"format_version": 1, "number": )" + deep + "}", "m.json"),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("m.json")));
}

}  // namespace
}  // namespace imprint::version
