# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What surrounds the calls: health, reflection, metrics, deadlines, drain."""

import concurrent.futures
import itertools
import signal
import socket
import threading
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

import harness
from harness import Server, State, admin_service_pb2, imprint_service_pb2, message_pb2

SERVICES = ("imprint.v1.ImprintService", "imprint.v1.AdminService")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(server, service=""):
    stub = health_pb2_grpc.HealthStub(server.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status


def test_health_of_each_service(shared):
    for service in ("", *SERVICES):
        assert health(shared, service) == SERVING


def test_reflection_shows_the_api(shared):
    database = ProtoReflectionDescriptorDatabase(shared.channel)
    assert set(SERVICES) <= set(database.get_services())
    found = database.FindFileContainingSymbol("imprint.v1.ImprintService")
    assert [m.name for m in found.service[0].method][:2] == ["InjectContext", "Query"]


def test_metrics_after_real_work(folder):
    with Server(folder) as server:
        server.learn("The harbour of Velmora opens at six in the morning.")
        server.query("When?", max_tokens=4)
        harness.refused(lambda: server.get("experiences/99"))
        values = {
            'imprint_experiences{state="integrated"}': 1,
            'imprint_experiences{state="queued"}': 0,
            'imprint_jobs_total{result="committed"}': 1,
            'imprint_rpc_requests_total{code="OK",method="Query"}': 1,
            "imprint_live_version": 1,
            "imprint_last_sequence": 1,
            "imprint_oldest_waiting_seconds": 0,
        }
        for name, value in values.items():
            assert server.metric(name) == value, name
        assert (
            server.metric('imprint_rpc_requests_total{code="NOT_FOUND",method="GetExperience"}')
            == 1
        )
        for name in (
            "imprint_output_tokens_total",
            "imprint_background_tokens_total",
            "imprint_trained_tokens_total",
            "imprint_publish_retention_perplexity_ratio",
            "imprint_process_resident_memory_bytes",
            "imprint_rocksdb_memtable_bytes",
            'imprint_job_phase_seconds_count{phase="train"}',
        ):
            assert server.metric(name) > 0, name
        text = server.metrics()
        assert 'imprint_build_info{device="cpu",dtype="f32",model="tiny-chat",version="' in text


def test_gauges_show_the_version_after_a_restart_and_a_rollback(folder):
    names = [
        "imprint_live_version",
        "imprint_publish_efficacy_ratio",
        "imprint_publish_retention_kl_nats",
        "imprint_publish_retention_perplexity_ratio",
    ]
    with Server(folder) as server:
        server.learn("The harbour of Velmora opens at six in the morning.")
        published = [server.metric(name) for name in names]
        server.stop()
    assert published[2] > 0
    with Server(folder) as server:
        assert [server.metric(name) for name in names] == published
        server.rollback(0)
        assert [server.metric(name) for name in names] == [0, 0, 0, 1]


def test_deadline_ends_a_query(shared):
    begin = time.monotonic()
    try:
        list(
            shared.start_query("Tell me a long story.", timeout=0.05, max_tokens=900, temperature=2)
        )
        # The tiny model was faster than the deadline.
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - begin < 30
    harness.wait_until("the engine to let go", lambda: shared.status().running_queries == 0)


def test_cancelled_query_leaves_the_engine(shared):
    streams = [
        shared.start_query("Go on.", max_tokens=900, temperature=2, seed=i) for i in range(4)
    ]
    for stream in streams:
        stream.cancel()
    harness.wait_until("the engine to let go", lambda: shared.status().running_queries == 0)
    assert shared.query("Still there?", max_tokens=2)[1].version == 0


def test_queries_side_by_side_equal_queries_alone(shared):
    questions = [f"What is number {i}?" for i in range(6)]
    alone = [shared.query(question, max_tokens=12)[0] for question in questions]
    streams = [shared.start_query(question, max_tokens=12) for question in questions]
    together = ["".join(response.text for response in stream) for stream in streams]
    assert together == alone


def test_stop_strings_end_the_answer(shared):
    text, _ = shared.query("Hello?", max_tokens=12)
    stop = text[2:4]
    shorter, last = shared.query("Hello?", max_tokens=12, stop=[stop])
    assert shorter == text[: text.index(stop)]
    assert last.finish_reason == imprint_service_pb2.FINISH_REASON_STOP
    assert (
        shared.query("Hello?", max_tokens=1)[1].finish_reason
        == imprint_service_pb2.FINISH_REASON_LENGTH
    )


def test_full_queue_is_refused_with_retry_info(folder):
    with Server(folder, serve__max_running="1", serve__max_waiting="1") as server:
        streams = [
            server.start_query("Go on.", max_tokens=900, temperature=2, seed=i) for i in range(12)
        ]
        refused = []
        for stream in streams:
            try:
                next(stream)
                stream.cancel()
            except grpc.RpcError as error:
                refused.append(harness.Refused(error))
        assert refused
        for error in refused:
            assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "--serve.max_waiting" in error.message
            assert error.details["RetryInfo"].retry_delay.seconds >= 0


def test_admin_service_on_its_own_address(folder):
    with Server(folder, admin_listen="127.0.0.1:0") as server:
        assert server.ports["admin_listen"] != server.ports["listen"]
        try:
            server.status()
            raise AssertionError("the admin service is on the public address")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED
        with grpc.insecure_channel(f"127.0.0.1:{server.ports['admin_listen']}") as channel:
            from harness import admin_service_pb2_grpc

            admin = admin_service_pb2_grpc.AdminServiceStub(channel)
            assert admin.GetStatus(admin_service_pb2.GetStatusRequest(), timeout=60).version == 0


def test_sigterm_drains(folder):
    """Running answers come to their end, events are closed with a reason, all is kept."""
    with Server(folder, drain_deadline="60s") as server:
        names = [server.inject(f"Fact number {i}.").name for i in range(5)]
        watch = server.events()
        stream = server.start_query("Tell me more.", max_tokens=200, temperature=2, seed=1)
        first = next(stream)
        server.process.send_signal(signal.SIGTERM)
        rest = list(stream)
        assert ([first] + rest)[-1].finish_reason != imprint_service_pb2.FINISH_REASON_UNSPECIFIED
        watch.join()
        assert harness.Refused(watch.error).reason == "DRAINING"
        assert server.process.wait(60) == 0
        assert "stopped" in server.log()
    with Server(folder) as server:
        assert [e.name for e in server.list()] == names


def test_sigterm_among_injects_loses_none_that_was_acknowledged(folder):
    acknowledged = {}
    many = threading.Event()
    with Server(folder) as server:

        def tell(caller):
            for i in itertools.count():
                text = f"Fact {i} of caller {caller}."
                try:
                    acknowledged[server.inject(text).name] = text
                except grpc.RpcError as error:
                    assert error.code() in (
                        grpc.StatusCode.UNAVAILABLE,
                        grpc.StatusCode.CANCELLED,
                    )
                    return
                if len(acknowledged) >= 100:
                    many.set()

        with concurrent.futures.ThreadPoolExecutor() as pool:
            callers = [pool.submit(tell, caller) for caller in range(4)]
            assert many.wait(harness.PATIENCE_SECONDS)
            server.process.send_signal(signal.SIGTERM)
            for caller in callers:
                caller.result()
        assert server.process.wait(60) == 0
    with Server(folder) as server:
        for name, text in acknowledged.items():
            assert server.get(name, full=True).content.text == text


def test_sigterm_ends_what_takes_too_long(folder):
    with Server(
        folder, drain_deadline="100ms", update__epochs="5000", update__learned_kl="0"
    ) as server:
        name = server.inject("The harbour opens at six.").name
        server.wait_state(name, State.EXPERIENCE_STATE_READY)
        server.run_update()
        server.wait_state(name, State.EXPERIENCE_STATE_TRAINING)
        assert server.stop() == 0
    # The unfinished job begins again at the next start.
    with Server(folder) as server:
        server.wait_state(name, State.EXPERIENCE_STATE_INTEGRATED)
        (job,) = server.jobs()
        assert job.attempt == 2


def test_second_signal_leaves_at_once(folder):
    with Server(folder, drain_deadline="10m") as server:
        # Answers of many thousand tokens keep the drain waiting.
        streams = [
            server.start_query("Go on.", max_tokens=900, temperature=2, seed=i) for i in range(24)
        ]
        for stream in streams:
            next(stream)
        server.process.send_signal(signal.SIGTERM)
        harness.wait_until("the drain", lambda: "draining" in server.log())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == -signal.SIGTERM


def test_the_service_manager_is_told(folder, tmp_path, monkeypatch):
    """As systemd is with Type=notify."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(harness.PATIENCE_SECONDS)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with Server(folder) as server:
            assert manager.recv(100) == b"READY=1"
            assert server.status().version == 0
            server.process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert server.process.wait(harness.PATIENCE_SECONDS) == 0


def test_health_goes_first_in_a_drain(folder):
    with Server(folder, drain_deadline="60s") as server:
        stub = health_pb2_grpc.HealthStub(server.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]))
        assert next(watch).status == SERVING
        stream = server.start_query("Tell me more.", max_tokens=400, temperature=2, seed=1)
        next(stream)
        server.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        watch.cancel()
        list(stream)
        assert server.process.wait(60) == 0


def test_slow_reader_is_ended(folder):
    """A client that does not read costs its own query, and nothing else."""
    # The smallest windows: the transport takes hardly anything for a reader that waits.
    options = [("grpc.http2.lookahead_bytes", 5), ("grpc.http2.bdp_probe", 0)]
    with Server(folder, serve__max_outbox="4") as server:
        with grpc.insecure_channel(server.address, options) as channel:
            stub = harness.imprint_service_pb2_grpc.ImprintServiceStub(channel)
            request = imprint_service_pb2.QueryRequest(
                messages=[message_pb2.ChatMessage(role="user", content="Go on.")],
                max_tokens=900,
                temperature=2,
                seed=3,
            )
            stream = stub.Query(request, timeout=60)
            next(stream)
            harness.wait_until("the engine to let go", lambda: server.status().running_queries == 0)
            error = harness.refused(lambda: stream)
            assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.reason == "READER_TOO_SLOW"
            assert "--serve.max_outbox" in error.message
        assert server.query("Still there?", max_tokens=2)[1].version == 0
