// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/model/model_folder.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint::model {
namespace {

using ::imprint::testing::HasCode;
using ::imprint::testing::IsError;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename T>
absl::Span<const std::byte> BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(T)};
}
template <typename T>
absl::Span<std::byte> WritableBytesOf(std::vector<T>& values) {
  return {reinterpret_cast<std::byte*>(values.data()), values.size() * sizeof(T)};
}

std::string WithLength(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

TEST(SafetensorsTest, WhatIsWrittenIsRead) {
  const testing::TempDir dir;
  const std::vector<float> first = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> second = {-7};
  IMPRINT_ASSERT_OK(WriteSafetensors(
      dir / "file", {{"z", "F32", {2, 3}, BytesOf(first)}, {"a", "I64", {}, BytesOf(second)}},
      {{"rank", "4"}}));

  IMPRINT_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, SafetensorsFile::Open(dir / "file"));

  EXPECT_EQ(file.metadata().at("rank"), "4");
  const StoredTensor& z = file.tensors().at("z");
  EXPECT_EQ(z.dtype, "F32");
  EXPECT_EQ(z.shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> read(6);
  IMPRINT_ASSERT_OK(file.Read(z, WritableBytesOf(read)));
  EXPECT_EQ(read, first);
  EXPECT_TRUE(file.tensors().at("a").shape.empty());
}

TEST(SafetensorsTest, TheSameTensorsGiveTheSameBytesAlignedToEight) {
  const testing::TempDir dir;
  const std::vector<float> values = {1, 2};
  const std::vector<TensorToStore> tensors = {{"odd_name", "F32", {2}, BytesOf(values)}};
  IMPRINT_ASSERT_OK(WriteSafetensors(dir / "one", tensors, {{"b", "1"}, {"a", "2"}}));
  IMPRINT_ASSERT_OK(WriteSafetensors(dir / "two", tensors, {{"a", "2"}, {"b", "1"}}));

  EXPECT_EQ(ReadText(dir / "one"), ReadText(dir / "two"));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, SafetensorsFile::Open(dir / "one"));
  EXPECT_EQ(file.tensors().at("odd_name").offset % 8, 0u);
}

TEST(SafetensorsTest, AMissingFileIsNotFoundByName) {
  EXPECT_THAT(SafetensorsFile::Open("/nonexistent/model.safetensors"),
              IsError(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/model.safetensors")));
}

TEST(SafetensorsTest, AFolderIsNoFile) {
  const testing::TempDir dir;
  EXPECT_THAT(SafetensorsFile::Open(dir.path()), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST(SafetensorsTest, WritingWhereThereIsNoFolderNamesTheFile) {
  EXPECT_THAT(WriteSafetensors("/nonexistent/x", {}, {}),
              IsError(absl::StatusCode::kInternal, HasSubstr("/nonexistent/x")));
}

TEST(SafetensorsTest, AFileCutShortWhileOpenIsDataLossNotACrash) {
  const testing::TempDir dir;
  const std::vector<float> values(1000, 1);
  IMPRINT_ASSERT_OK(WriteSafetensors(dir / "file", {{"x", "F32", {1000}, BytesOf(values)}}, {}));
  IMPRINT_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, SafetensorsFile::Open(dir / "file"));
  std::filesystem::resize_file(dir / "file", 500);

  std::vector<float> read(1000);
  EXPECT_THAT(file.Read(file.tensors().at("x"), WritableBytesOf(read)),
              IsError(absl::StatusCode::kDataLoss, HasSubstr("file")));
}

struct Hostile {
  const char* name;
  std::string bytes;
  const char* message;
};

class HostileFileTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileFileTest, IsDataLossThatNamesTheFileAndWhatIsWrong) {
  const testing::TempDir dir;
  WriteText(dir / "hostile.safetensors", GetParam().bytes);

  EXPECT_THAT(SafetensorsFile::Open(dir / "hostile.safetensors"),
              IsError(absl::StatusCode::kDataLoss,
                      AllOf(HasSubstr("hostile.safetensors"), HasSubstr(GetParam().message))));
}

std::string OneTensor(const std::string& fields, size_t data_bytes) {
  return WithLength(R"({"weird.tensor":{)" + fields + "}}", std::string(data_bytes, 'x'));
}

INSTANTIATE_TEST_SUITE_P(
    Files, HostileFileTest,
    ::testing::Values(
        Hostile{"Empty", "", "too few"}, Hostile{"SevenBytes", "1234567", "too few"},
        Hostile{"LengthBeyondFile", std::string("\xff\0\0\0\0\0\0\0{}", 10), "claims 255 bytes"},
        Hostile{"LengthOfAllOnes", std::string(8, '\xff') + "{}", "claims 18446744073709551615"},
        Hostile{"NoJson", WithLength("{not json", ""), "not a JSON object"},
        Hostile{"List", WithLength("[]", ""), "not a JSON object"},
        Hostile{"DeepNesting", WithLength(std::string(100000, '['), ""), "not a JSON object"},
        Hostile{"MetadataNotStrings", WithLength(R"({"__metadata__":{"a":1}})", ""), "a is not a"},
        Hostile{"NoFields", WithLength(R"({"weird.tensor":3})", ""), "weird.tensor has no dtype"},
        Hostile{"UnknownDtype", OneTensor(R"("dtype":"F12","shape":[1],"data_offsets":[0,4])", 4),
                "weird.tensor has the unknown dtype F12"},
        Hostile{"NegativeSize", OneTensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", 4),
                "weird.tensor has a shape"},
        Hostile{"FractionalSize",
                OneTensor(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])", 4),
                "weird.tensor has a shape"},
        Hostile{
            "ShapeOverflow",
            OneTensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])", 4),
            "weird.tensor of shape [4294967296, 4294967296]"},
        Hostile{"ShapeDoesNotFitBytes",
                OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4),
                "does not fit its 4 bytes"},
        Hostile{"OffsetsBackwards",
                OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])", 4),
                "data_offsets that are no range"},
        Hostile{"ThreeOffsets", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])", 8),
                "data_offsets that are no range"},
        Hostile{"EndBeyondFile", OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 4),
                "weird.tensor ends at byte 8 of 4: the file is cut short"},
        Hostile{"BytesBehind", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", 9),
                "the tensors end at"},
        Hostile{"HoleBefore", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", 8),
                "a hole lies before it"},
        Hostile{"Overlap",
                WithLength(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                           R"("weird.tensor":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                           std::string(8, 'x')),
                "weird.tensor begins at byte"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace imprint::model
