# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong before a server listens: each is said clearly, and nothing listens."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess

import grpc
import pytest

import harness
from harness import Server, flags, run_to_end


def copy_model(folder):
    model = folder / "model"
    shutil.copytree(harness.TINY_CHAT, model)
    return model


def expect_failure(arguments, *says, code=1):
    got, output = run_to_end(arguments)
    assert got == code, output
    for part in says:
        assert part in output
    assert "listening" not in output
    return output


def edit_config(model, **changes):
    config = json.loads((model / "config.json").read_text())
    for key, value in changes.items():
        if value is None:
            del config[key]
        else:
            config[key] = value
    (model / "config.json").write_text(json.dumps(config))


def rename_tensor(model, name, other):
    """Gives a tensor in the safetensors header another name of the same length."""
    path = model / "model.safetensors"
    data = path.read_bytes()
    assert data.count(name.encode()) == 1
    assert len(name) == len(other)
    path.write_bytes(data.replace(name.encode(), other.encode()))


def test_help_and_version():
    code, output = run_to_end([str(harness.IMPRINTD), "--help"])
    assert code == 0
    for flag in (
        "--model",
        "--data_dir",
        "--listen",
        "--inject.max_bytes",
        "--update.rank",
        "--gate.min_efficacy",
    ):
        assert flag in output
    code, output = run_to_end([str(harness.IMPRINTD), "--version"])
    assert code == 0
    assert output.startswith("imprintd ")


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--no_such_flag=1", "--no_such_flag"),
        ("--threads=many", "--threads"),
        ("--update.max_age=soon", "--update.max_age"),
        ("--listen=0.0.0.0:0", "--allow_insecure_listen"),
        ("--listen=nonsense", "HOST:PORT"),
        ("--listen=127.0.0.1:99999", "HOST:PORT"),
        ("--admin_listen=50052", "HOST:PORT"),
        ("--data_dir=", "--data_dir"),
        # It is within any bounds, and no drift is greater: the gate would stand open.
        ("--gate.max_retention_kl=nan", "nan is no number"),
        ("--update.compute_share=inf", "inf is no number"),
    ],
)
def test_bad_flags(tmp_path, flag, named):
    expect_failure([*flags(tmp_path / "data", listen=None), flag], named, code=2)
    assert not (tmp_path / "data").exists()


def test_unknown_device(tmp_path):
    expect_failure(flags(tmp_path / "data", device="tpu"), "tpu")
    expect_failure(flags(tmp_path / "data", device="cuda:99"), "cuda:99")


def test_model_folder_missing(tmp_path):
    expect_failure(flags(tmp_path / "data", model=tmp_path / "nowhere"), "--model", "nowhere")
    (tmp_path / "empty").mkdir()
    expect_failure(flags(tmp_path / "data", model=tmp_path / "empty"), "--model", "config.json")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_model_file_missing(tmp_path, file):
    model = copy_model(tmp_path)
    (model / file).unlink()
    expect_failure(flags(tmp_path / "data", model=model), file)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_model_file_is_not_json(tmp_path, file):
    model = copy_model(tmp_path)
    (model / file).write_text("{ not json")
    expect_failure(flags(tmp_path / "data", model=model), file)


def test_unknown_architecture(tmp_path):
    model = copy_model(tmp_path)
    edit_config(model, architectures=["WhisperForConditionalGeneration"])
    expect_failure(
        flags(tmp_path / "data", model=model), "config.json", "WhisperForConditionalGeneration"
    )


def test_config_key_missing(tmp_path):
    model = copy_model(tmp_path)
    edit_config(model, hidden_size=None)
    expect_failure(flags(tmp_path / "data", model=model), "config.json", "hidden_size")


def test_tensor_missing(tmp_path):
    model = copy_model(tmp_path)
    rename_tensor(model, "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.no_proj.weight")
    expect_failure(
        flags(tmp_path / "data", model=model),
        "model.safetensors",
        "model.layers.1.mlp.up_proj.weight",
    )


def test_tensor_of_another_shape(tmp_path):
    model = copy_model(tmp_path)
    edit_config(model, intermediate_size=96)
    expect_failure(flags(tmp_path / "data", model=model), "model.safetensors", "mlp")


def test_weights_truncated(tmp_path):
    model = copy_model(tmp_path)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    expect_failure(flags(tmp_path / "data", model=model), "model.safetensors")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"retention__corpus": "/nowhere/corpus.txt"}, "/nowhere/corpus.txt"),
        ({"retention__corpus": harness.TINY_CHAT}, str(harness.TINY_CHAT)),
        ({"retention__corpus": "/dev/null"}, "/dev/null"),
        ({"retention__text_tokens": 100000}, "100000"),
    ],
    ids=["missing", "folder", "empty", "text_tokens"],
)
def test_retention_text_that_can_never_be(tmp_path, changes, says):
    """Else the server would listen, and updates wait for ever."""
    named = "--" + next(iter(changes)).replace("__", ".")
    expect_failure(flags(tmp_path / "data", **changes), named, says)
    assert not (tmp_path / "data").exists()


def test_data_folder_of_another_model(folder, tmp_path):
    with Server(folder) as server:
        data_dir = server.data_dir
        server.stop()
    model = copy_model(tmp_path)
    edit_config(model, rope_theta=20000.0)
    expect_failure(flags(data_dir, model=model), "another model")


def test_data_folder_is_private(folder):
    with Server(folder) as server:
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.data_dir / "db").stat().st_mode) == 0o700


def test_data_folder_locked_by_another_server(folder):
    with Server(folder) as server:
        output = expect_failure(flags(server.data_dir))
        assert "lock" in output.lower() or "another server" in output.lower()
        assert server.query("Still there?", max_tokens=2)[1].version == 0


def test_data_folder_is_a_file(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    expect_failure(flags(tmp_path / "data"), str(tmp_path / "data"))


def test_port_taken_by_another_server(folder, tmp_path):
    """gRPC would share the port by default, and half of the calls would go astray."""
    with Server(folder) as server:
        address = f"127.0.0.1:{server.ports['listen']}"
        expect_failure(flags(tmp_path / "other", listen=address), address)
        metrics = f"127.0.0.1:{server.ports['metrics_listen']}"
        expect_failure(
            flags(tmp_path / "other", metrics_listen=metrics), metrics, "--metrics_listen"
        )


def test_port_taken_by_something_else(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        output = expect_failure(flags(tmp_path / "data", listen=address), address, "--listen")
        assert "TLS" not in output and "--tls" not in output


def test_metrics_can_be_off(folder):
    with Server(folder, metrics_listen="") as server:
        assert server.ports["metrics_listen"] == 0
        assert server.status().version == 0


def test_tls(folder, tmp_path):
    """With a certificate the port speaks TLS, and nothing else."""
    certificate, key = harness.make_certificate(tmp_path)
    with Server(folder, tls_cert=certificate, tls_key=key) as server:
        with pytest.raises(grpc.RpcError) as plain:
            server.status()
        assert plain.value.code() == grpc.StatusCode.UNAVAILABLE
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        target = f"localhost:{server.ports['listen']}"
        with grpc.secure_channel(target, credentials) as channel:
            admin = harness.admin_service_pb2_grpc.AdminServiceStub(channel)
            status = admin.GetStatus(harness.admin_service_pb2.GetStatusRequest(), timeout=60)
            assert status.version == 0
        assert server.stop() == 0
    expect_failure(
        flags(tmp_path / "data", tls_cert=key, tls_key=tmp_path / "none.pem"), "none.pem"
    )


def test_json_log(folder):
    with Server(folder, log_format="json") as server:
        server.stop()
        lines = [json.loads(line) for line in server.log().splitlines()]
        assert {"time", "level", "message"} <= lines[0].keys()
        assert any("listening" in line["message"] for line in lines)


def test_memory_comes_from_mimalloc():
    """glibc's malloc took a third of a long job's time."""
    bound = subprocess.run(
        [harness.IMPRINTD, "--version"],
        env={**os.environ, "LD_DEBUG": "bindings", "LD_BIND_NOW": "1"},
        capture_output=True,
        text=True,
        timeout=harness.PATIENCE_SECONDS,
    ).stderr
    if "libasan" in bound or "libtsan" in bound:
        pytest.skip("sanitizers bring their own")
    assert re.search(r"binding file \S*libc\.so\S* \[0\] to \S*mimalloc\S* .*`malloc'", bound)
