// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Tables for people: columns aligned by their widest cell, and no wider than the terminal.

#ifndef IMPRINT_CLIENT_CLI_TABLE_H_
#define IMPRINT_CLIENT_CLI_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace imprint::client {

struct Column {
  enum Kind {
    kFixed,     // always whole
    kText,      // free text: shortened first
    kOptional,  // left out where the table is too wide even so, the last one first
  };
  std::string header;
  Kind kind = kFixed;
};

using Rows = std::vector<std::vector<std::string>>;

// One line a row below a line of headers. `width`: columns that there are; 0: no limit.
// Text is then cut at 90 columns. Only a table of fixed columns alone may be wider.
std::string FormatTable(const std::vector<Column>& columns, const Rows& rows, size_t width);

// "name  value" lines; rows whose value is empty are left out.
std::string FormatFields(const Rows& rows);

}  // namespace imprint::client

#endif  // IMPRINT_CLIENT_CLI_TABLE_H_
