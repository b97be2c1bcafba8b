# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and who does not: tokens, scopes, TLS, quotas, and what the log says of it."""

import concurrent.futures
import functools
import json
import os
import stat
import threading
import time

import grpc
import pytest

import cli
import half_calls
import harness
import secure
from harness import Server, flags, refused, run_to_end, wait_until

Code = grpc.StatusCode


def inject(imprint, text="The ferry at Hollin Quay is yellow."):
    content = harness.experience_pb2.ExperienceContent(text=text)
    request = harness.imprint_service_pb2.InjectContextRequest(content=content)
    return imprint.InjectContext(request, timeout=60)


def query(imprint, text="Which colour is it?"):
    message = harness.message_pb2.ChatMessage(role="user", content=text)
    request = harness.imprint_service_pb2.QueryRequest(messages=[message], max_tokens=2)
    return list(imprint.Query(request, timeout=60))


def get_status(admin):
    return admin.GetStatus(harness.admin_service_pb2.GetStatusRequest(), timeout=60)


def pause(admin):
    return admin.PauseUpdates(harness.admin_service_pb2.PauseUpdatesRequest(), timeout=60)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with one token of each scope; `tokens` maps the scope to it."""
    folder = tmp_path_factory.mktemp("guarded")
    made = {scope: secure.new_token(scope, scope) for scope in ("query", "inject", "admin")}
    file = folder / "tokens"
    secure.write_tokens(file, *(line for _, line in made.values()))
    with Server(
        folder, auth__tokens_file=file, admin_listen="127.0.0.1:0", log_format="json"
    ) as server:
        server.tokens = {scope: token for scope, (token, _) in made.items()}
        yield server


def test_without_a_token(guarded):
    with secure.stubs(guarded.ports["listen"]) as (imprint, _):
        for call in (inject, query):
            error = refused(lambda call=call: call(imprint))
            assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "TOKEN_MISSING")
            assert "imprint tokens new" in error.message
    with secure.stubs(guarded.ports["admin_listen"]) as (_, admin):
        assert refused(lambda: get_status(admin)).code == Code.UNAUTHENTICATED


def test_with_a_wrong_token(guarded):
    token, _ = secure.new_token("stranger", "query,inject,admin")
    with secure.stubs(guarded.ports["listen"], token) as (imprint, _):
        error = refused(lambda: query(imprint))
        assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "TOKEN_UNKNOWN")
        assert token not in error.message
    with secure.stubs(guarded.ports["admin_listen"], token) as (_, admin):
        assert refused(lambda: get_status(admin)).code == Code.UNAUTHENTICATED


def test_with_the_scope_of_something_else(guarded):
    with secure.stubs(guarded.ports["listen"], guarded.tokens["query"]) as (imprint, _):
        assert query(imprint)
        error = refused(lambda: inject(imprint))
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
        assert "inject" in error.message
    with secure.stubs(guarded.ports["admin_listen"], guarded.tokens["query"]) as (_, admin):
        assert refused(lambda: get_status(admin)).code == Code.PERMISSION_DENIED
    with secure.stubs(guarded.ports["listen"], guarded.tokens["inject"]) as (imprint, _):
        assert inject(imprint).experience.name
        assert refused(lambda: query(imprint)).code == Code.PERMISSION_DENIED


def test_admin_is_absent_from_the_public_port(guarded):
    with secure.stubs(guarded.ports["listen"], guarded.tokens["admin"]) as (_, admin):
        with pytest.raises(grpc.RpcError) as absent:
            get_status(admin)
        assert absent.value.code() == Code.UNIMPLEMENTED
    with secure.stubs(guarded.ports["admin_listen"], guarded.tokens["admin"]) as (_, admin):
        assert get_status(admin).version == 0


def test_health_needs_no_token(guarded):
    assert secure.run("health", f"--server={guarded.address}").code == cli.DONE


def test_an_admin_act_is_a_line_of_the_log(guarded):
    secret = "The marmalade of Hollin Quay is blue."
    with secure.stubs(guarded.ports["listen"], guarded.tokens["inject"]) as (imprint, _):
        inject(imprint, secret)
        superseding = harness.imprint_service_pb2.InjectContextRequest(
            content=harness.experience_pb2.ExperienceContent(text=secret),
            request_id="again",
            supersedes="experiences/88",
        )
        with pytest.raises(grpc.RpcError):
            imprint.InjectContext(superseding, timeout=60)
    with secure.stubs(guarded.ports["admin_listen"], guarded.tokens["admin"]) as (_, admin):
        pause(admin)
        name = harness.admin_service_pb2.RollbackVersionRequest(name="versions/77")
        with pytest.raises(grpc.RpcError):
            admin.RollbackVersion(name, timeout=60)
    with secure.stubs(guarded.ports["admin_listen"], guarded.tokens["query"]) as (_, admin):
        refused(lambda: pause(admin))

    def acts():
        lines = (json.loads(line) for line in guarded.log().splitlines())
        found = [line for line in lines if line["message"] == "admin act"]
        return found if len(found) >= 4 else None

    superseding, paused, rolled_back, denied = wait_until("four lines", acts)[:4]
    assert (superseding["caller"], superseding["method"]) == ("inject", "InjectContext")
    assert superseding["target"] == "request_id=again supersedes=experiences/88"
    assert superseding["code"] == "NOT_FOUND"
    assert (paused["caller"], paused["method"], paused["code"]) == ("admin", "PauseUpdates", "OK")
    assert (rolled_back["target"], rolled_back["code"]) == ("versions/77", "NOT_FOUND")
    assert (denied["caller"], denied["code"]) == ("query", "PERMISSION_DENIED")
    for hidden in (secret, *guarded.tokens.values()):
        assert hidden not in guarded.log()


def test_tokens_are_read_again(folder, tmp_path):
    old, old_line = secure.new_token("agent", "query")
    new, new_line = secure.new_token("agent", "query")
    file = tmp_path / "tokens"
    secure.write_tokens(file, old_line)
    with Server(folder, auth__tokens_file=file) as server:

        def lets_in(token):
            with secure.stubs(server.ports["listen"], token) as (imprint, _):
                try:
                    return bool(query(imprint))
                except grpc.RpcError as error:
                    assert error.code() == Code.UNAUTHENTICATED
                    return False

        assert lets_in(old) and not lets_in(new)
        secure.write_tokens(file, new_line)
        wait_until("the new token to count", lambda: lets_in(new))
        assert not lets_in(old)

        secure.write_tokens(file, "agent query not-a-hash")
        bad = "imprint_auth_tokens_file_bad"
        wait_until("the bad file to be seen", lambda: server.metric(bad) == 1)
        assert lets_in(new)
        assert f"{file}, line 1" in server.log() and "stay in force" in server.log()
        secure.write_tokens(file, old_line)
        wait_until("the good file to be seen", lambda: server.metric(bad) == 0)
        assert lets_in(old)
        refusals = 'imprint_auth_refused_total{reason="unknown_token"}'
        assert server.metric(refusals) >= 2
        assert server.stop() == 0


def test_a_quota_says_when_to_come_back(folder, tmp_path):
    token, line = secure.new_token("agent", "query", "--requests_per_minute=2")
    secure.write_tokens(tmp_path / "tokens", line)
    with Server(folder, auth__tokens_file=tmp_path / "tokens") as server:
        with secure.stubs(server.ports["listen"], token) as (imprint, _):
            assert query(imprint) and query(imprint)
            error = refused(lambda: query(imprint))
            assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
            assert 0 < error.details["RetryInfo"].retry_delay.seconds <= 30


def test_a_bad_tokens_file_is_named_at_the_start(tmp_path):
    file = tmp_path / "tokens"
    secure.write_tokens(file, secure.new_token("agent", "query")[1])
    for mode in (0o604, 0o602):
        file.chmod(mode)
        code, output = run_to_end(flags(tmp_path / "data", auth__tokens_file=file))
        assert code == 1 and "--auth.tokens_file" in output and "chmod o=" in output
    secure.write_tokens(file, "agent root sha256:00")
    code, output = run_to_end(flags(tmp_path / "data", auth__tokens_file=file))
    assert code == 1 and f"{file}, line 1" in output
    code, output = run_to_end(flags(tmp_path / "data", auth__tokens_file=tmp_path / "none"))
    assert code == 1 and str(tmp_path / "none") in output


def test_requests_that_never_end_cannot_fill_the_memory(folder, tmp_path):
    """They are read before anybody can look at a token: without a bound 800 MiB are held here."""
    token, line = secure.new_token("agent", "inject")
    secure.write_tokens(tmp_path / "tokens", line)
    limits = {"serve__max_call_bytes": 64 << 20, "serve__max_streams": 40}
    with Server(folder, auth__tokens_file=tmp_path / "tokens", **limits) as server:
        resident = "imprint_process_resident_memory_bytes"
        port = server.ports["listen"]
        before = highest = server.metric(resident)
        callers = [half_calls.HalfCalls(port, count=50, size=4 << 20) for _ in range(5)]
        assert [caller.count for caller in callers] == [40] * 5
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for caller in callers:
                caller.push()
            highest = max(highest, server.metric(resident))
        sent = sum(caller.sent_bytes for caller in callers)
        assert sent > 64 << 20, "they did not get as far as the bound"
        # gRPC's quota is no hard line.
        assert highest - before < 400 << 20
        with secure.stubs(port, token) as (imprint, _):
            assert inject(imprint)
        for caller in callers:
            caller.close()
        assert server.stop() == 0


def test_plain_text_to_a_tls_port(folder, tmp_path):
    certificate, key = harness.make_certificate(tmp_path)
    token, line = secure.new_token("agent", "query")
    secure.write_tokens(tmp_path / "tokens", line)
    with Server(
        folder, tls_cert=certificate, tls_key=key, auth__tokens_file=tmp_path / "tokens"
    ) as server:
        with secure.stubs(server.ports["listen"], token) as (imprint, _):
            with pytest.raises(grpc.RpcError) as plain:
                query(imprint)
            assert plain.value.code() == Code.UNAVAILABLE
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with secure.stubs(server.ports["listen"], token, credentials) as (imprint, _):
            assert query(imprint)


def is_trusted(port, folder, is_admin=False):
    """Whether a new connection is to the one who has the certificate in `folder`."""
    root = (folder / "certificate.pem").read_bytes()
    with secure.stubs(port, None, grpc.ssl_channel_credentials(root)) as (imprint, admin):
        try:
            return bool(pause(admin) if is_admin else query(imprint))
        except grpc.RpcError as error:
            assert error.code() == Code.UNAVAILABLE
            return False


def test_certificates_are_read_again(folder, tmp_path):
    """As a cluster rotates them: a link that leads to another folder."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        harness.make_certificate(tmp_path / name)
    link = tmp_path / "tls"
    link.symlink_to(tmp_path / "old")
    with Server(folder, tls_cert=link / "certificate.pem", tls_key=link / "key.pem") as server:
        trusted = functools.partial(is_trusted, server.ports["listen"])
        assert trusted(tmp_path / "old") and not trusted(tmp_path / "new")
        (tmp_path / "next").symlink_to(tmp_path / "new")
        os.replace(tmp_path / "next", link)
        wait_until("the new certificate", lambda: trusted(tmp_path / "new"))
        assert not trusted(tmp_path / "old")
        assert server.stop() == 0


def replace(file, contents):
    """At once, as an operator should."""
    new = file.with_name("next")
    new.write_bytes(contents)
    new.chmod(0o600)
    os.replace(new, file)


def test_a_certificate_that_does_not_fit_its_key_leaves_the_one_of_before(folder, tmp_path):
    """New connections were refused while the two files did not belong together."""
    old, new = tmp_path / "old", tmp_path / "new"
    for made in (old, new):
        made.mkdir()
        harness.make_certificate(made)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for file in (certificate, key):
        replace(file, (old / file.name).read_bytes())
    bad = "imprint_rpc_tls_files_bad"
    ports = {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}
    with Server(folder, tls_cert=certificate, tls_key=key, **ports) as server:

        def trusted(made):
            """By both ports alike."""
            return is_trusted(server.ports["listen"], made) and is_trusted(
                server.ports["admin_listen"], made, is_admin=True
            )

        assert trusted(old) and server.metric(bad) == 0
        replace(certificate, (new / certificate.name).read_bytes())
        wait_until("the certificate to be seen", lambda: server.metric(bad) == 1)
        assert trusted(old) and not trusted(new)
        assert str(key) in server.log() and "stays in force" in server.log()
        replace(key, (new / key.name).read_bytes())
        wait_until("its key to be seen", lambda: server.metric(bad) == 0)
        wait_until("the new certificate", lambda: trusted(new))
        assert not trusted(old)
        key.chmod(0o604)
        wait_until("the open key to be seen", lambda: server.metric(bad) == 1)
        key.chmod(0o600)
        wait_until("the closed key to be seen", lambda: server.metric(bad) == 0)
        certificate.unlink()
        wait_until("the missing file to be seen", lambda: server.metric(bad) == 1)
        assert trusted(new)
        assert server.stop() == 0


def test_a_certificate_that_openssl_does_not_take(folder, tmp_path):
    """It was said to be good, and gRPC went on with another one, or did not listen."""
    weak = tmp_path / "weak"
    weak.mkdir()
    certificate, key = harness.make_certificate(weak, bits=1024)
    code, output = run_to_end(flags(tmp_path / "data", tls_cert=certificate, tls_key=key))
    assert code == 1 and "--tls_cert" in output and "too small" in output
    certificate, key = harness.make_certificate(tmp_path)
    with Server(folder, tls_cert=certificate, tls_key=key) as server:
        before = certificate.read_bytes()
        replace(key, (weak / "key.pem").read_bytes())
        replace(certificate, (weak / "certificate.pem").read_bytes())
        wait_until("the file to be seen", lambda: "too small" in server.log())
        wait_until("it to show", lambda: server.metric("imprint_rpc_tls_files_bad") == 1)
        (tmp_path / "before").mkdir()
        (tmp_path / "before/certificate.pem").write_bytes(before)
        assert is_trusted(server.ports["listen"], tmp_path / "before")


def test_connections_while_certificates_change(folder, tmp_path):
    """Each gets one that its key belongs to."""
    names = ("one", "two")
    for name in names:
        (tmp_path / name).mkdir()
        harness.make_certificate(tmp_path / name)
    both = b"".join((tmp_path / name / "certificate.pem").read_bytes() for name in names)
    link = tmp_path / "tls"
    link.symlink_to(tmp_path / "one")
    (tmp_path / "both").mkdir()
    (tmp_path / "both/certificate.pem").write_bytes(both)
    with Server(folder, tls_cert=link / "certificate.pem", tls_key=link / "key.pem") as server:
        over = threading.Event()

        def connect():
            answers = []
            while not over.is_set():
                answers.append(is_trusted(server.ports["listen"], tmp_path / "both"))
            return answers

        with concurrent.futures.ThreadPoolExecutor() as pool:
            callers = [pool.submit(connect) for _ in range(4)]
            for name in ("two", "one", "two"):
                (tmp_path / "next").symlink_to(tmp_path / name)
                os.replace(tmp_path / "next", link)
                given = functools.partial(is_trusted, server.ports["listen"], tmp_path / name)
                wait_until(f"certificate {name}", given)
            over.set()
            answers = [answer for caller in callers for answer in caller.result()]
        assert len(answers) > 4 and all(answers)
        assert server.stop() == 0


def test_other_authorities_are_read_again(folder, tmp_path):
    ours, other = (secure.Authority(tmp_path / name, name) for name in ("ours", "other"))
    certificate, key = ours.sign("server")
    client_ca = tmp_path / "ca.pem"
    replace(client_ca, ours.certificate.read_bytes())
    tls = {"tls_cert": certificate, "tls_key": key, "tls_client_ca": client_ca}
    with Server(folder, **tls) as server:

        def let_in(authority):
            mine, my_key = (file.read_bytes() for file in authority.sign("caller"))
            root = ours.certificate.read_bytes()
            credentials = grpc.ssl_channel_credentials(root, my_key, mine)
            with secure.stubs(server.ports["listen"], None, credentials) as (imprint, _):
                try:
                    return bool(query(imprint))
                except grpc.RpcError as error:
                    assert error.code() == Code.UNAVAILABLE
                    return False

        assert let_in(ours) and not let_in(other)
        replace(client_ca, b"rubbish")
        wait_until("it to be seen", lambda: server.metric("imprint_rpc_tls_files_bad") == 1)
        assert let_in(ours) and not let_in(other)
        replace(client_ca, other.certificate.read_bytes())
        wait_until("the other authority", lambda: let_in(other))
        assert not let_in(ours)
        assert server.stop() == 0


def test_callers_with_certificates(folder, tmp_path):
    """--tls_client_ca; with tokens, a caller needs both."""
    ours, other = (secure.Authority(tmp_path / name, name) for name in ("ours", "other"))
    certificate, key = ours.sign("server")
    token, line = secure.new_token("agent", "query,admin")
    secure.write_tokens(tmp_path / "tokens", line)
    tls = {"tls_cert": certificate, "tls_key": key, "tls_client_ca": ours.certificate}
    root = ours.certificate.read_bytes()

    def credentials(authority):
        mine, my_key = (file.read_bytes() for file in authority.sign("caller"))
        return grpc.ssl_channel_credentials(root, my_key, mine)

    with Server(folder, **tls) as server:
        port = server.ports["listen"]
        for unknown in (grpc.ssl_channel_credentials(root), credentials(other)):
            with secure.stubs(port, None, unknown) as (imprint, _):
                with pytest.raises(grpc.RpcError) as closed:
                    query(imprint)
                assert closed.value.code() == Code.UNAVAILABLE
        with secure.stubs(port, None, credentials(ours)) as (_, admin):
            pause(admin)
        wait_until("the line", lambda: 'admin act caller="CN=caller"' in server.log())
        assert server.stop() == 0
    with Server(folder, auth__tokens_file=tmp_path / "tokens", **tls) as server:
        port = server.ports["listen"]
        with secure.stubs(port, None, credentials(ours)) as (imprint, _):
            assert refused(lambda: query(imprint)).code == Code.UNAUTHENTICATED
        with secure.stubs(port, token, credentials(ours)) as (imprint, _):
            assert query(imprint)
        with secure.stubs(port, token, grpc.ssl_channel_credentials(root)) as (imprint, _):
            with pytest.raises(grpc.RpcError) as closed:
                query(imprint)
            assert closed.value.code() == Code.UNAVAILABLE
        mine = ours.sign("caller")
        ran = secure.run(
            "status",
            f"--server=localhost:{port}",
            f"--tls_ca={ours.certificate}",
            f"--tls_cert={mine[0]}",
            f"--tls_key={mine[1]}",
            IMPRINT_TOKEN=token,
        )
        assert ran.code == cli.DONE, ran.err


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"tls_client_ca": "ca.pem"}, "--tls_client_ca"),
        ({"admin_listen": "0.0.0.0:0"}, "--admin_listen"),
        ({"auth__forget_scope": "query"}, "--auth.forget_scope"),
        ({"auth__forget_scope": "inject"}, "--auth.tokens_file"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, changes, said):
    code, output = run_to_end(flags(tmp_path / "data", **changes))
    assert code == 2 and said in output


def test_a_key_of_another_certificate_is_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    certificate, _ = harness.make_certificate(tmp_path / "one")
    _, key = harness.make_certificate(tmp_path / "two")
    code, output = run_to_end(flags(tmp_path / "data", tls_cert=certificate, tls_key=key))
    assert code == 1 and "--tls_key" in output and str(key) in output


def test_a_key_that_everybody_may_read_is_refused(tmp_path):
    certificate, key = harness.make_certificate(tmp_path)
    key.chmod(0o644)
    code, output = run_to_end(flags(tmp_path / "data", tls_cert=certificate, tls_key=key))
    assert code == 1 and "--tls_key" in output and "chmod o=" in output


def test_the_program_sends_its_token(guarded, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(guarded.tokens["admin"] + "\n")
    address = f"--server=127.0.0.1:{guarded.ports['admin_listen']}"
    assert secure.run("jobs", "list", address).code == cli.REFUSED
    assert secure.run("jobs", "list", address, f"--token_file={token_file}").code == cli.DONE
    token = guarded.tokens["admin"]
    assert secure.run("jobs", "list", address, IMPRINT_TOKEN=token).code == cli.DONE
    by_file = secure.run("jobs", "list", address, IMPRINT_TOKEN_FILE=str(token_file))
    assert by_file.code == cli.DONE
    ran = secure.run("status", "--server=192.0.2.1:50051", f"--token_file={token_file}")
    assert ran.code == cli.USAGE and "--tls_ca" in ran.err
    assert token not in ran.err


def test_a_new_token(tmp_path):
    out = tmp_path / "token"
    ran = secure.run("tokens", "new", "agent", "--scopes=query,inject", f"--out={out}")
    assert ran.code == cli.DONE and ran.err == ""
    assert ran.out.startswith("agent query,inject sha256:")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text().strip() not in ran.out
    again = secure.run("tokens", "new", "agent", "--scopes=query", f"--out={out}")
    assert again.code == cli.USAGE and str(out) in again.err
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
    shown = secure.run("tokens", "new", "agent", "--scopes=query")
    assert "imprint_" in shown.err and "imprint_" not in shown.out
    for wrong in (["a b", "--scopes=query"], ["agent", "--scopes=root"], ["agent"]):
        assert secure.run("tokens", "new", *wrong).code == cli.USAGE


def test_the_data_folder_is_closed(folder):
    with Server(folder) as server:
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        assert server.stop() == 0
    server.data_dir.chmod(0o755)
    with Server(folder) as server:
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o750
        assert server.stop() == 0
