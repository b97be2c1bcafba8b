// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/table.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text_width.h"

namespace imprint::client {
namespace {

constexpr size_t kGap = 2;
// Text is not cut below this while an optional column could go instead.
constexpr size_t kReadableText = 24;
constexpr size_t kMaxText = 90;

// A column as it is printed.
struct Shown {
  size_t index;
  Column::Kind kind;
  size_t header;
  size_t width;
};

std::vector<Shown> NaturalWidths(const std::vector<Column>& columns, const Rows& rows) {
  std::vector<Shown> shown;
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t header = DisplayWidth(columns[i].header);
    size_t width = header;
    const bool text = columns[i].kind == Column::kText;
    for (const auto& row : rows) {
      const size_t cell = DisplayWidth(text ? Shorten(row[i], kMaxText) : row[i]);
      width = std::max(width, cell);
    }
    shown.push_back({.index = i, .kind = columns[i].kind, .header = header, .width = width});
  }
  return shown;
}

size_t TotalWidth(const std::vector<Shown>& shown) {
  size_t total = shown.empty() ? 0 : kGap * (shown.size() - 1);
  for (const Shown& column : shown) total += column.width;
  return total;
}

// Takes columns from the widest text again and again, none below `least` or its header.
void Narrow(std::vector<Shown>& shown, size_t width, size_t least) {
  while (TotalWidth(shown) > width) {
    Shown* widest = nullptr;
    for (Shown& column : shown) {
      const bool shrinks =
          column.kind == Column::kText && column.width > std::max(least, column.header);
      if (shrinks && (widest == nullptr || column.width > widest->width)) widest = &column;
    }
    if (widest == nullptr) return;
    --widest->width;
  }
}

// Which columns are shown, and how wide.
std::vector<Shown> Fit(std::vector<Shown> shown, size_t width) {
  while (true) {
    std::vector<Shown> narrowed = shown;
    Narrow(narrowed, width, kReadableText);
    if (TotalWidth(narrowed) <= width) return narrowed;
    const auto last = std::find_if(shown.rbegin(), shown.rend(), [](const Shown& column) {
      return column.kind == Column::kOptional;
    });
    if (last == shown.rend()) break;
    shown.erase(std::next(last).base());
  }
  Narrow(shown, width, 0);
  return shown;
}

template <typename CellOf>
void AppendLine(const std::vector<Shown>& shown, const CellOf& cell_of, std::string& out) {
  std::string line;
  for (const Shown& column : shown) {
    const std::string& whole = cell_of(column.index);
    const std::string cell = column.kind == Column::kText ? Shorten(whole, column.width) : whole;
    absl::StrAppend(&line, cell, std::string(column.width - DisplayWidth(cell) + kGap, ' '));
  }
  absl::StripTrailingAsciiWhitespace(&line);
  absl::StrAppend(&out, line, "\n");
}

}  // namespace

std::string FormatTable(const std::vector<Column>& columns, const Rows& rows, size_t width) {
  std::vector<Shown> shown = NaturalWidths(columns, rows);
  if (width > 0) shown = Fit(std::move(shown), width);
  std::string table;
  AppendLine(shown, [&](size_t i) -> const std::string& { return columns[i].header; }, table);
  for (const auto& row : rows) {
    AppendLine(shown, [&row](size_t i) -> const std::string& { return row[i]; }, table);
  }
  return table;
}

std::string FormatFields(const Rows& rows) {
  size_t widest = 0;
  for (const auto& row : rows) {
    if (!row[1].empty()) widest = std::max(widest, DisplayWidth(row[0]));
  }
  std::string out;
  for (const auto& row : rows) {
    if (row[1].empty()) continue;
    // Labels and reasons hold what others wrote.
    absl::StrAppend(&out, row[0], std::string(widest - DisplayWidth(row[0]) + kGap, ' '),
                    Printable(row[1]), "\n");
  }
  return out;
}

}  // namespace imprint::client
