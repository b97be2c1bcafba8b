// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "common/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace imprint {
namespace {

constexpr size_t kFileChunkBytes = 1 << 20;

// OpenSSL fails here only when it has no memory or was built without SHA-256: nothing
// that a caller could handle.
void CheckOpenSsl(bool ok) {
  if (ok) return;
  spdlog::critical("OpenSSL cannot compute SHA-256");
  std::abort();
}

}  // namespace

void Sha256::Deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CheckOpenSsl(context_ != nullptr &&
               EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  CheckOpenSsl(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

void Sha256::UpdateField(std::string_view bytes) {
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) {
    length[i] = static_cast<unsigned char>(static_cast<uint64_t>(bytes.size()) >> (56 - 8 * i));
  }
  Update(std::string_view(reinterpret_cast<const char*>(length), sizeof(length)));
  Update(bytes);
}

absl::Status Sha256::UpdateFromFile(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path.string()));
  std::vector<char> chunk(kFileChunkBytes);
  absl::Status status;
  while (true) {
    const ssize_t count = ::read(file, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) status = absl::ErrnoToStatus(errno, absl::StrCat("read ", path.string()));
    if (count <= 0) break;
    Update(std::string_view(chunk.data(), static_cast<size_t>(count)));
  }
  ::close(file);
  return status;
}

std::string Sha256::Digest() {
  std::string digest(32, '\0');
  unsigned int length = 0;
  CheckOpenSsl(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                  &length) == 1 &&
               length == digest.size());
  return digest;
}

std::string Sha256::HexDigest() { return absl::BytesToHexString(Digest()); }

std::string Sha256Hex(std::string_view bytes) {
  Sha256 sha256;
  sha256.Update(bytes);
  return sha256.HexDigest();
}

}  // namespace imprint
