// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/sha256.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/file_util.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace imprint {
namespace {

using testing::HasCode;
using testing::TempDir;

// FIPS 180-4, examples of NIST.
TEST(Sha256Test, GivesThePublishedDigests) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, PiecesGiveTheSameAsTheWhole) {
  Sha256 sha256;
  sha256.Update("a");
  sha256.Update("");
  sha256.Update("bc");
  EXPECT_EQ(absl::BytesToHexString(sha256.Digest()), Sha256Hex("abc"));
}

TEST(Sha256Test, FieldsKeepTheirBorders) {
  Sha256 left;
  left.UpdateField("ab");
  left.UpdateField("c");
  Sha256 right;
  right.UpdateField("a");
  right.UpdateField("bc");
  EXPECT_NE(left.HexDigest(), right.HexDigest());
}

TEST(Sha256Test, FileGivesTheSameAsItsBytes) {
  TempDir dir;
  const std::string contents(3'000'000, 'x');
  IMPRINT_ASSERT_OK(WriteFileAtomically(dir / "file", contents));

  Sha256 sha256;
  IMPRINT_ASSERT_OK(sha256.UpdateFromFile(dir / "file"));

  EXPECT_EQ(sha256.HexDigest(), Sha256Hex(contents));
}

TEST(Sha256Test, MissingFileIsNotFound) {
  TempDir dir;
  Sha256 sha256;
  EXPECT_THAT(sha256.UpdateFromFile(dir / "none"), HasCode(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace imprint
