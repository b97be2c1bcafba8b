// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/loopback.h"

namespace imprint {
namespace {

constexpr int kBadFlags = 2;
constexpr size_t kHelpColumn = 44;
constexpr double kMaxInt = std::numeric_limits<int>::max();
constexpr double kMaxInt64 = 1e18;

// Flags of one kind, under one heading of --help.
class FlagGroup {
 public:
  FlagGroup(CLI::App* app, std::string name) : app_(*app), name_(std::move(name)) {}

  template <typename Value>
  CLI::Option* Add(const std::string& flag, Value& value, const std::string& help) {
    return app_.add_option(flag, value, help)->capture_default_str()->group(name_);
  }
  // With bounds, both included.
  template <typename Value>
  CLI::Option* Add(const std::string& flag, Value& value, double low, double high,
                   const std::string& help) {
    // Bounds belong into the error, not into every line of --help.
    CLI::Validator range = CLI::Range(low, high);
    range.description("");
    return Add(flag, value, help)->check(IsNumber())->check(range)->type_name(TypeName(value));
  }
  CLI::Option* AddPath(const std::string& flag, std::filesystem::path& value,
                       const std::string& help) {
    auto take = [&value, flag](const std::string& text) {
      if (text.empty()) throw CLI::ValidationError(flag, "must not be empty");
      value = text;
    };
    return app_.add_option_function<std::string>(flag, take, help)->type_name("PATH")->group(name_);
  }
  CLI::Option* AddDuration(const std::string& flag, absl::Duration& value,
                           const std::string& help) {
    auto parse = [&value, flag](const std::string& text) {
      if (!absl::ParseDuration(text, &value) || value < absl::ZeroDuration()) {
        throw CLI::ValidationError(
            flag, absl::StrCat("\"", text, "\" is not a duration such as 500ms, 60s or 5m"));
      }
    };
    return app_.add_option_function<std::string>(flag, parse, help)
        ->default_str(absl::FormatDuration(value))
        ->type_name("DURATION")
        ->group(name_);
  }
  // One of some names; the first is the default.
  template <typename Value>
  CLI::Option* AddChoice(const std::string& flag, Value& value,
                         const std::vector<std::pair<std::string, Value>>& choices,
                         const std::string& help) {
    std::vector<std::string> names;
    for (const auto& [name, choice] : choices) names.push_back(name);
    const auto choose = [&value, choices](const std::string& text) {
      for (const auto& [name, choice] : choices) {
        if (name == text) value = choice;
      }
    };
    return app_.add_option_function<std::string>(flag, choose, help)
        ->default_str(names.front())
        ->check(CLI::IsMember(names))
        ->type_name("NAME")
        ->group(name_);
  }
  CLI::Option* AddSwitch(const std::string& flag, bool& value, const std::string& help) {
    return app_.add_flag(flag, value, help)->group(name_);
  }

 private:
  // CLI11 reads an empty number as 0, and finds nan within any bounds.
  static CLI::Validator IsNumber() {
    return CLI::Validator(
        [](std::string& text) -> std::string {
          if (text.empty()) return "needs a value";
          double number = 0;
          const bool finite = !absl::SimpleAtod(text, &number) || std::isfinite(number);
          return finite ? "" : absl::StrCat(text, " is no number");
        },
        "");
  }
  static const char* TypeName(double) { return "NUMBER"; }
  static const char* TypeName(int64_t) { return "COUNT"; }
  static const char* TypeName(int32_t) { return "COUNT"; }

  CLI::App& app_;
  const std::string name_;
};

void AddServerFlags(CLI::App* app, ServerOptions* options) {
  FlagGroup model(app, "Model");
  model.AddPath("--model", options->model, "Hugging Face folder of the base model")->required();
  model.AddPath("--data_dir", options->data_dir, "folder of everything the server keeps; made")
      ->required();
  model.Add("--device", options->device, "cpu or cuda:N");
  model.Add("--dtype", options->dtype, "precision of the weights: bf16 or f32")
      ->check(CLI::IsMember({"bf16", "f32"}));
  model.Add("--threads", options->threads, 0, 4096,
            "threads that compute; 0: one for each core that it may use");

  FlagGroup listen(app, "Listening");
  listen.Add("--listen", options->listen.address, "gRPC address; port 0: any free one");
  listen.Add("--admin_listen", options->listen.admin_address,
             "address of the AdminService; empty: that of --listen");
  listen.Add("--metrics_listen", options->metrics_listen,
             "address of Prometheus' /metrics; empty: off");
  listen.AddSwitch("--allow_insecure_listen", options->allow_insecure_listen,
                   "allow addresses beyond this machine without TLS, all three");
  listen.AddSwitch("--allow_insecure_metrics_listen", options->allow_insecure_metrics_listen,
                   "allow it for --metrics_listen, which has no TLS, alone");
  listen.Add("--tls_cert", options->listen.tls.certificate_file,
             "PEM file of the certificates; read again when it changes, as the two others");
  listen.Add("--tls_key", options->listen.tls.key_file, "PEM file of the private key");
  listen.Add("--tls_client_ca", options->listen.tls.client_ca_file,
             "PEM file of authorities: callers must have a certificate of theirs");
  listen.AddPath("--port_file", options->port_file,
                 "file that gets the bound ports as JSON once the server listens");
  listen.AddDuration("--drain_deadline", options->drain_deadline,
                     "how long running queries may go on after SIGTERM");

  FlagGroup auth(app, "Who may call");
  auth.AddPath("--auth.tokens_file", options->tokens_file,
               "lines of `imprint tokens new`, closed to other users, read again when it changes; "
               "without: everybody who reaches a port");
  auth.AddChoice<Scope>("--auth.forget_scope", options->forget_scope,
                        {{"admin", Scope::kAdmin}, {"inject", Scope::kInject}},
                        "scope of a token that ForgetExperience needs");

  FlagGroup logging(app, "Logging");
  logging.Add("--log_level", options->log_level, "least level that is logged")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  logging.Add("--log_format", options->log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

void AddServingFlags(CLI::App* app, ServerOptions* options) {
  FlagGroup inject(app, "Injecting");
  inject.Add("--inject.max_bytes", options->limits.max_inject_bytes, 1, 1 << 30,
             "largest experience, and largest prompt");
  inject.Add("--inject.max_waiting", options->log.max_waiting, 1, kMaxInt64,
             "experiences that may wait for generation or training");
  inject.Add("--inject.max_pending_appends", options->log.max_pending_appends, 1, kMaxInt,
             "appends that may wait for a sync");
  inject.Add("--inject.max_pending_bytes", options->log.max_pending_bytes, 1, kMaxInt64,
             "... and their bytes");
  inject.Add("--inject.min_free_bytes", options->log.min_free_bytes, 0, kMaxInt64,
             "injects are refused while the disk of --data_dir has less room; 0: until it is full");

  FlagGroup serve(app, "Serving");
  serve.Add("--serve.max_running", options->engine.max_running, 1, 4096,
            "sequences that run at once");
  serve.Add("--serve.max_waiting", options->engine.max_waiting, 0, kMaxInt,
            "queries that may wait beyond those");
  serve.Add("--serve.prefill_chunk", options->engine.prefill_chunk, 1, kMaxInt,
            "prompt tokens prefilled in one step");
  serve.Add("--serve.kv_tokens", options->engine.kv_tokens, 1, kMaxInt64,
            "tokens of keys and values in memory");
  serve.Add("--serve.default_max_tokens", options->query.default_max_tokens, 1, kMaxInt,
            "tokens of an answer where the query does not say");
  serve.Add("--serve.max_outbox", options->query.max_outbox, 1, kMaxInt,
            "pieces of an answer that may wait for a slow reader");
  serve.Add("--serve.max_streams", options->listen.max_streams, 1, kMaxInt,
            "calls of one connection at a time; more of them wait at the caller");
  serve.Add("--serve.max_call_bytes", options->listen.max_call_bytes, 1 << 20, kMaxInt64,
            "memory of requests and answers on their way; beyond it no more is read, and "
            "connections are closed");
  serve.Add("--serve.max_calls_waiting", options->max_calls_waiting, 1, kMaxInt,
            "calls that may wait for a thread before they are looked at");
  serve.Add("--serve.max_long_calls_waiting", options->max_long_calls_waiting, 1, kMaxInt,
            "... of those that take long: probes, updates, backups, exports");
  serve.Add("--serve.max_events", options->max_events, 1, kMaxInt,
            "events kept for a listener that is late");
  serve.Add("--pending.max_tokens", options->limits.max_pending_tokens, 1, kMaxInt,
            "tokens that pending_context may take");

  FlagGroup version(app, "Versions");
  version.Add("--version.keep", options->version_keep, 0, kMaxInt,
              "versions kept on disk besides the current one and its parent");
  version.AddDuration("--version.drain_deadline", options->engine.drain_deadline,
                      "how long streams of an older version may go on");
  version.AddSwitch("--version.rollback_when_broken", options->version_rollback_when_broken,
                    "go back to the nearest whole version when the current one's files are broken");

  FlagGroup backup(app, "Backups");
  backup.AddPath(
      "--backup.dir", options->backup_dir,
      "folder that imprint backup create writes into, best on another disk; empty: none");
  backup.Add("--backup.keep", options->backup_keep, 0, kMaxInt,
             "backups kept; older ones are deleted after a new one; 0: all");
}

void AddLearningFlags(CLI::App* app, ServerOptions* options) {
  FlagGroup generator(app, "Writing target sentences");
  generator
      .Add("--generator.kinds", options->generator.kinds,
           "kinds of target sentences that are made, parted by commas")
      ->delimiter(',')
      ->default_str(absl::StrJoin(options->generator.kinds, ","))
      ->type_name("KINDS")
      ->allow_extra_args(false)
      ->check(CLI::IsMember(std::vector<std::string>(generator::kTargetKinds.begin(),
                                                     generator::kTargetKinds.end())));
  generator.Add("--generator.targets_per_100_tokens", options->generator.targets_per_100_tokens, 0,
                10000, "target sentences for each 100 tokens of context");
  generator.Add("--generator.min_targets", options->generator.min_targets, 1, kMaxInt,
                "at least so many for one chunk of context, up to --generator.max_targets");
  generator.Add("--generator.max_targets", options->generator.max_targets, 1, kMaxInt,
                "at most so many for one chunk of context");
  generator.Add("--generator.probe_share", options->generator.probe_share, 0, 1,
                "share of the questions kept apart as probes");
  generator.Add("--generator.max_answer_tokens", options->generator.max_answer_tokens, 1, kMaxInt,
                "tokens of an answer");
  generator.Add("--generator.chunk_tokens", options->generator.chunk_tokens, 16, kMaxInt,
                "tokens of context in one chunk");

  FlagGroup remote(app, "Letting another model write questions (experiences are sent to it)");
  remote.Add("--generator.endpoint", options->remote.endpoint,
             "URL of an OpenAI-compatible endpoint, such as https://HOST/v1, that gets the text of "
             "every experience; empty: no text leaves this machine");
  remote.Add("--generator.endpoint_model", options->remote.model, "model that is asked for there");
  remote.AddPath("--generator.endpoint_key_file", options->remote.key_file,
                 "file with the key that is sent along, closed to other users; without: none");
  remote.AddPath("--generator.endpoint_ca", options->remote.ca_file,
                 "PEM file of the authorities that are trusted there; without: the system's");
  remote.AddDuration("--generator.endpoint_timeout", options->remote.timeout,
                     "longest wait for one response");
  remote.AddSwitch("--generator.endpoint_insecure", options->remote.insecure,
                   "allow http:// to other machines: text and key can be read on the way");

  FlagGroup retention(app, "Retention text");
  retention.AddPath("--retention.corpus", options->retention.corpus,
                    "text file; without: sampled from the base model");
  retention.Add("--retention.train_texts", options->retention.train_texts, 1, kMaxInt,
                "texts trained on");
  retention.Add("--retention.heldout_texts", options->retention.heldout_texts, 1, kMaxInt,
                "texts that retention is measured on");
  retention.Add("--retention.text_tokens", options->retention.text_tokens, 2, kMaxInt,
                "tokens of a text");
  retention.Add("--retention.top_k", options->retention.top_k, 1, 1024,
                "the base model's most likely tokens kept for each token");
}

void AddUpdateFlags(CLI::App* app, ServerOptions* options) {
  FlagGroup update(app, "Updating");
  update.Add("--update.min_batch", options->scheduler.min_batch, 1, kMaxInt,
             "a job starts when so many experiences are ready");
  update.Add("--update.min_tokens", options->scheduler.min_tokens, 1, kMaxInt,
             "... or target sentences of so many tokens");
  update.AddDuration("--update.max_age", options->scheduler.max_age,
                     "... or one has been ready so long");
  update.Add("--update.max_batch", options->scheduler.max_batch, 1, kMaxInt,
             "experiences in one job");
  update.AddDuration("--update.stuck_after", options->scheduler.stuck_after,
                     "a job without a step for so long is interrupted and tried again; inf: never");
  update.AddChoice<update::Objective>(
      "--update.objective", options->distiller.objective,
      {{"distill", update::Objective::kDistill}, {"next_token", update::Objective::kNextToken}},
      "distill: the teacher's distribution; next_token: ordinary fine-tuning, to compare with");
  update.Add("--update.rank", options->distiller.rank, 1, 4096, "rank of the adapters");
  update.Add("--update.alpha", options->distiller.alpha, 1e-6, 1e6, "alpha of the adapters");
  update.Add("--update.upper_blocks", options->distiller.upper_blocks, 0, 1,
             "share of the model's blocks that are changed, from the last one down");
  update.Add(
      "--update.learning_rate", options->distiller.learning_rate, 1e-9, 1,
      "highest learning rate of a step of 256 tokens; one of 512 or more takes 1.41 times it");
  update.Add("--update.continue_rate", options->distiller.continue_rate, 1e-3, 1,
             "share of it for a job that goes on from what was learned before");
  update.Add("--update.batch_tokens", options->distiller.batch_tokens, 1, kMaxInt,
             "tokens of one training step; a small job takes smaller ones, down to 256");
  update.Add("--update.epochs", options->distiller.max_epochs, 1, 10000,
             "passes over the target sentences at most ...");
  update.Add("--update.min_steps", options->distiller.min_steps, 0, kMaxInt,
             "... but as many as make so many steps, for small jobs");
  update.Add("--update.max_steps", options->distiller.max_steps, 0, kMaxInt,
             "... and never more steps than these; 0: no limit");
  update.Add("--update.retention_share", options->distiller.retention_share, 0, 100,
             "retention tokens for each new target token ...");
  update.Add(
      "--update.min_retention_tokens", options->distiller.min_retention_tokens, 0, kMaxInt,
      "... but, unless that is 0, at least so many in a pass of a job that goes on from what "
      "was learned before, as far as there are texts");
  update.Add("--update.retention_weight", options->distiller.retention_weight, 0, 100,
             "weight of the loss on retention tokens beside 1 on new target tokens");
  update.Add("--update.protected_share", options->distiller.protected_share, 0, 0.9,
             "share of the directions of each map's input, those that retention text uses most, "
             "along which nothing is changed");
  update.Add(
      "--update.on_policy_share", options->distiller.on_policy_share, 0, 1,
      "share of the questions that the student answers itself, for the teacher to judge ...");
  update.Add("--update.on_policy_rounds", options->distiller.on_policy_rounds, 0, 10000,
             "... anew in so many rounds, spread over a job's passes");
  update.Add("--update.replay_share", options->distiller.replay_share, 0, 100,
             "replayed target sentences for each new one ...");
  update.Add("--update.min_replay", options->distiller.min_replay, 0, kMaxInt,
             "... but, unless that is 0, at least so many, where there are as many");
  update.Add("--update.focus", options->distiller.focus, 0, 1,
             "share of the loss spread by how much the context says on each token");
  update.Add("--update.learned_kl", options->distiller.learned_kl, 0, 100,
             "KL per token, in nats, at which a sentence counts as learned");
  update.Add("--update.top_k", options->generator.top_k, 1, 1024,
             "the teacher's most likely tokens stored for each target token");
  update.Add("--update.compute_share", options->compute_share, 0.05, 0.95,
             "share of the device that training gets while queries never pause");
  update.AddSwitch("--update.low_priority", options->distiller.low_priority,
                   "training has a core only while no other program or thread wants it; false: it "
                   "competes as an equal where other programs would else leave it none");
  update.Add("--update.frozen_bytes", options->distiller.frozen_bytes, 0, kMaxInt64,
             "what blocks that are not changed make of the sentences is kept between passes, up to "
             "so much; 0: computed in each step");
  update.Add("--update.max_bytes", options->distiller.max_bytes, 0, kMaxInt64,
             "memory that training may take; 0: no limit");

  FlagGroup gate(app, "The gate before a publish");
  gate.Add("--gate.max_retention_kl", options->gate.max_retention_kl, 0, 100,
           "KL from the base model on retention text, nats per token");
  gate.Add("--gate.max_probe_kl", options->gate.max_probe_kl, 0, 1000,
           "how far the answer to any retention probe may move, nats per token");
  gate.Add("--gate.min_efficacy", options->gate.min_efficacy, -100, 1,
           "mean efficacy that new experiences must reach");
  gate.Add("--gate.max_earlier_loss", options->gate.max_earlier_loss, 0, 100,
           "how far the efficacy of earlier experiences may fall");
  gate.Add("--gate.earlier_sample", options->gate.earlier_sample, 0, kMaxInt,
           "earlier experiences asked");

  FlagGroup publish(app, "Publishing");
  publish.AddChoice<bool>(
      "--publish.approval", options->manual_approval, {{"automatic", false}, {"manual", true}},
      "manual: a version that passed the gate waits until `imprint updates approve JOB`, or drop; "
      "no other job starts meanwhile");

  FlagGroup rebuild(app, "Making a version again");
  rebuild.Add("--rebuild.on_retention", options->rebuild.on_retention,
              "whether a job that fails for drift is tried again from an older version");
  rebuild.Add("--rebuild.anchor_drift", options->rebuild.anchor_drift, 0, 1,
              "share of --gate.max_retention_kl that this older version may have used");
}

bool HasPort(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  const absl::string_view digits = address.substr(colon + 1);
  int port = 0;
  return std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(digits, &port) && port <= 65535;
}

// What no single flag can tell; empty: all is well.
std::string Contradiction(const ServerOptions& options) {
  const rpc::ListenOptions& listen = options.listen;
  const bool has_tls = !listen.tls.certificate_file.empty();
  if (has_tls == listen.tls.key_file.empty()) {
    return "--tls_cert and --tls_key: give both or none";
  }
  if (!has_tls && !listen.tls.client_ca_file.empty()) {
    return "--tls_client_ca: needs --tls_cert and --tls_key";
  }
  if (listen.address.empty()) return "--listen: must not be empty";
  for (const auto& [flag, address] :
       {std::pair<absl::string_view, const std::string&>("--listen", listen.address),
        {"--admin_listen", listen.admin_address},
        {"--metrics_listen", options.metrics_listen}}) {
    if (!address.empty() && !HasPort(address)) {
      return absl::StrCat(flag, ": \"", address, "\" is no address; give HOST:PORT, such as ",
                          "127.0.0.1:50051");
    }
  }
  constexpr int64_t kBesideTheLargest = int64_t{16} << 20;
  if (listen.max_call_bytes < options.limits.max_inject_bytes + kBesideTheLargest) {
    return absl::StrCat("--serve.max_call_bytes: ", listen.max_call_bytes,
                        " is too little for the largest experience; give at least 16 MiB more than "
                        "--inject.max_bytes, ",
                        options.limits.max_inject_bytes);
  }
  if (options.scheduler.stuck_after <= absl::ZeroDuration()) {
    return "--update.stuck_after: must be more than 0; inf: never";
  }
  if (const absl::Status remote = generator::CheckRemoteOptions(options.remote); !remote.ok()) {
    return std::string(remote.message());
  }
  if (options.allow_insecure_listen) return "";
  auto refuse = [](absl::string_view flag, absl::string_view address, absl::string_view way_out) {
    return absl::StrCat(flag, ": ", address, " can be reached from other machines; ", way_out,
                        " or --allow_insecure_listen");
  };
  constexpr absl::string_view kUseTls = "give --tls_cert and --tls_key,";
  if (!has_tls && !IsThisMachine(listen.address)) {
    return refuse("--listen", listen.address, kUseTls);
  }
  if (!has_tls && !listen.admin_address.empty() && !IsThisMachine(listen.admin_address)) {
    return refuse("--admin_listen", listen.admin_address, kUseTls);
  }
  if (!options.allow_insecure_metrics_listen && !options.metrics_listen.empty() &&
      !IsThisMachine(options.metrics_listen)) {
    return refuse("--metrics_listen", options.metrics_listen,
                  "give an address of this machine, --allow_insecure_metrics_listen");
  }
  return "";
}

// The arguments as CLI11 takes them: last first, and "--flag=" as two, since it would take
// the next flag for the value.
std::vector<std::string> ReversedArguments(const CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string flag = argument.substr(0, argument.find('='));
    const CLI::Option* option = app.get_option_no_throw(flag);
    const bool takes_value = option != nullptr && option->get_items_expected_max() > 0;
    if (takes_value && argument == flag + "=") {
      arguments.insert(arguments.end(), {flag, ""});
    } else {
      arguments.push_back(argument);
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

ExitRequest BadFlags(absl::string_view message) {
  return {kBadFlags, absl::StrCat("imprintd: ", message, "\nimprintd --help lists the flags\n")};
}

}  // namespace

std::variant<ServerOptions, ExitRequest> ParseOptions(int argc, const char* const* argv) {
  ServerOptions options;
  CLI::App app("Imprint: serves a language model and writes what it is told into its weights.",
               "imprintd");
  app.get_formatter()->column_width(kHelpColumn);
  app.set_help_flag("--help,-h", "print this text");
  app.set_version_flag("--version", absl::StrCat("imprintd ", ServerVersion()),
                       "print the version");
  AddServerFlags(&app, &options);
  AddServingFlags(&app, &options);
  AddLearningFlags(&app, &options);
  AddUpdateFlags(&app, &options);
  try {
    app.parse(ReversedArguments(app, argc, argv));
  } catch (const CLI::Success& asked) {
    std::ostringstream text;
    app.exit(asked, text, text);
    return ExitRequest{0, text.str()};
  } catch (const CLI::ParseError& error) {
    return BadFlags(error.what());
  }
  // Only what was given: the default says nothing.
  if (app.count("--auth.forget_scope") > 0 && options.tokens_file.empty()) {
    return BadFlags("--auth.forget_scope: needs --auth.tokens_file");
  }
  if (std::string contradiction = Contradiction(options); !contradiction.empty()) {
    return BadFlags(contradiction);
  }
  return options;
}

std::string ServerVersion() { return IMPRINT_VERSION; }

}  // namespace imprint
