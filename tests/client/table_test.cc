// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/table.h"

#include <gtest/gtest.h>

#include <string>

namespace imprint::client {
namespace {

const std::vector<Column> kColumns = {
    {"NAME"}, {"SIZE", Column::kOptional}, {"TEXT", Column::kText}};

TEST(FormatTable, AlignsColumns) {
  EXPECT_EQ(FormatTable({{"A"}, {"B"}}, {{"long", "x"}}, 0), "A     B\nlong  x\n");
}

TEST(FormatTable, AlignsByColumnsOfTheTerminalNotByBytes) {
  EXPECT_EQ(FormatTable({{"A"}, {"B"}}, {{"é東", "x"}, {"abcd", "y"}}, 0),
            "A     B\né東   x\nabcd  y\n");
}

TEST(FormatTable, ShortensTextToTheWidth) {
  const std::string text = "a text of forty columns, which is too long";
  EXPECT_EQ(FormatTable(kColumns, {{"n", "1", text}}, 40),
            "NAME  SIZE  TEXT\nn     1     a text of forty columns,...\n");
}

TEST(FormatTable, LeavesOutAnOptionalColumnBeforeTextIsUnreadable) {
  const std::string text = "a text of forty columns, which is too long";
  EXPECT_EQ(FormatTable(kColumns, {{"n", "1", text}}, 30),
            "NAME  TEXT\nn     a text of forty colum...\n");
}

TEST(FormatTable, WithoutAWidthEveryColumnIsThere) {
  const std::string text(60, 'x');
  EXPECT_EQ(FormatTable(kColumns, {{"n", "1", text}}, 0),
            "NAME  SIZE  TEXT\nn     1     " + text + "\n");
}

TEST(FormatTable, AnEmptyTableIsItsHeader) {
  EXPECT_EQ(FormatTable(kColumns, {}, 80), "NAME  SIZE  TEXT\n");
}

TEST(FormatFields, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(FormatFields({{"a", "1"}, {"long name", ""}, {"bcd", "2"}}), "a    1\nbcd  2\n");
}

}  // namespace
}  // namespace imprint::client
