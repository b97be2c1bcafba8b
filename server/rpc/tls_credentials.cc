// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc/tls_credentials.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file_util.h"
#include "common/status_macros.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "spdlog/spdlog.h"

namespace imprint::rpc {
namespace {

constexpr unsigned int kLookEverySeconds = 1;

template <auto Free>
struct Deleter {
  template <typename Object>
  void operator()(Object* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// An encrypted key would ask at the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

Bio BioOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status Named(absl::string_view flag, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(flag, ": ", status.message()));
}

// What OpenSSL complained of last; it forgets all of it.
std::string Complaint() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

// A file, and the first certificate in it.
struct CertificateFile {
  std::string text;
  Certificate first;
};

absl::StatusOr<CertificateFile> ReadCertificates(absl::string_view flag, const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return Named(flag, text.status());
  const Bio bio = BioOf(*text);
  Certificate first(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (first != nullptr) return CertificateFile{*std::move(text), std::move(first)};
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", file, " has no certificate (PEM)"));
}

// The key as text of its own, and nothing that its file has beside it: gRPC takes the first
// certificate that it finds. Looked at is what gRPC will do with the two, since it tells nobody
// when it cannot.
absl::StatusOr<std::string> KeyOf(const TlsOptions& options, X509* certificate,
                                  const std::string& file) {
  const Bio bio = BioOf(file);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  const bool match = key != nullptr && X509_check_private_key(certificate, key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return absl::InvalidArgumentError(absl::StrCat("--tls_key: ", options.key_file,
                                                   " is not the key (PEM, without a password) of ",
                                                   options.certificate_file, " (--tls_cert)"));
  }
  const Context context(SSL_CTX_new(TLS_server_method()));
  const Bio text(BIO_new(BIO_s_mem()));
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      PEM_write_bio_PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("--tls_cert: OpenSSL does not take ",
                                                   options.certificate_file, ": ", Complaint()));
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

TlsCredentials::TlsCredentials(TlsOptions options) : options_(std::move(options)) {}

TlsCredentials::~TlsCredentials() = default;

absl::StatusOr<std::unique_ptr<TlsCredentials>> TlsCredentials::Open(const TlsOptions& options,
                                                                     prometheus::Gauge* bad) {
  std::unique_ptr<TlsCredentials> tls(new TlsCredentials(options));
  if (options.certificate_file.empty()) {
    tls->credentials_ = grpc::InsecureServerCredentials();
    return tls;
  }
  std::vector<std::filesystem::path> files = {options.certificate_file, options.key_file};
  if (!options.client_ca_file.empty()) files.emplace_back(options.client_ca_file);
  IMPRINT_ASSIGN_OR_RETURN(
      tls->watch_, auth::FileWatch::Start({.files = std::move(files),
                                           .name = "TLS",
                                           .meanwhile = "the certificate of before stays in force",
                                           .bad = bad},
                                          [loaded = tls.get()] { return loaded->Load(); }));
  tls->credentials_ = tls->MakeCredentials();
  return tls;
}

absl::Status TlsCredentials::Load() {
  absl::StatusOr<std::string> key_file = ReadSecret(options_.key_file);
  if (!key_file.ok()) return Named("--tls_key", key_file.status());
  IMPRINT_ASSIGN_OR_RETURN(const CertificateFile certificates,
                           ReadCertificates("--tls_cert", options_.certificate_file));
  IMPRINT_ASSIGN_OR_RETURN(const std::string key,
                           KeyOf(options_, certificates.first.get(), *key_file));
  IMPRINT_ASSIGN_OR_RETURN(MemoryFile::Draft identity,
                           MemoryFile::Draft::Of(absl::StrCat(key, certificates.text)));
  if (!options_.client_ca_file.empty()) {
    IMPRINT_ASSIGN_OR_RETURN(const CertificateFile authorities,
                             ReadCertificates("--tls_client_ca", options_.client_ca_file));
    IMPRINT_ASSIGN_OR_RETURN(MemoryFile::Draft client_ca, MemoryFile::Draft::Of(authorities.text));
    IMPRINT_RETURN_IF_ERROR(client_ca_.Become(std::move(client_ca)));
  }
  const bool first = identity_.path().empty();
  IMPRINT_RETURN_IF_ERROR(identity_.Become(std::move(identity)));
  if (!first) spdlog::info("TLS: the new files are good; new connections get them");
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials::MakeCredentials() const {
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          identity_.path(), identity_.path(), client_ca_.path(), kLookEverySeconds));
  tls.watch_identity_key_cert_pairs();
  if (!options_.client_ca_file.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace imprint::rpc
