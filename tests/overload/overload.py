# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Offers a server ten times what it can take, then callers that behave badly.

What it can take is measured first, by callers that wait for their answers. Then calls come at ten
times that rate, whatever becomes of them. All that is wrong is counted in `wrong`: an answer that
is neither right nor a refusal with RetryInfo, health that is not true, memory beyond its bound, a
server that does not come back to rest.
"""

import argparse
import asyncio
import collections
import json
import pathlib
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import grpc  # noqa: E402

import harness  # noqa: E402
from harness import imprint_service_pb2, imprint_service_pb2_grpc, message_pb2  # noqa: E402

RUNNING, WAITING = 8, 16
FLAGS = {
    "serve__max_running": str(RUNNING),
    "serve__max_waiting": str(WAITING),
    "serve__max_outbox": "16",
    "serve__kv_tokens": "4096",
    "inject__max_waiting": "200",
    "inject__max_pending_appends": "32",
    "inject__max_bytes": str(64 << 10),
}
TOKENS = 48
# Beyond what the server had when it was just busy, its caches filled: buffers of connections and
# calls, none of which may grow with how long it goes on.
MEMORY_MIB = 256
CONNECTIONS = 1000
PINGS = 20_000


def query(seed=7):
    return imprint_service_pb2.QueryRequest(
        messages=[message_pb2.ChatMessage(role="user", content="Go on.")],
        max_tokens=TOKENS,
        temperature=2,
        seed=seed,
    )


def resident_mib(server):
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the server is gone")


class Pressed:
    """A server under pressure, and what was seen of it."""

    def __init__(self, server):
        self.server = server
        self.wrong = []
        self.codes = collections.Counter()
        self.peak_mib = 0.0
        self.slowest_health = 0.0
        self.base_mib = resident_mib(server)

    def stub(self, channel):
        return imprint_service_pb2_grpc.ImprintServiceStub(channel)

    async def ask(self, stub, seed):
        """One query; whether it was answered to its end."""
        try:
            async for _ in stub.Query(query(seed), timeout=60):
                pass
        except grpc.aio.AioRpcError as error:
            self.refused(error)
            return False
        self.codes["OK"] += 1
        return True

    async def tell(self, stub, number):
        text = f"The lantern number {number} is lit at nine."
        request = imprint_service_pb2.InjectContextRequest(content={"text": text})
        try:
            await stub.InjectContext(request, timeout=60)
        except grpc.aio.AioRpcError as error:
            self.refused(error)
            return False
        self.codes["told"] += 1
        return True

    def refused(self, error):
        code = error.code()
        self.codes[code.name] += 1
        if code != grpc.StatusCode.RESOURCE_EXHAUSTED:
            self.wrong.append(f"{code.name}: {error.details()}")
        elif "RetryInfo" not in harness.Refused(error).details:
            self.wrong.append(f"no RetryInfo: {error.details()}")

    async def watch(self, stop):
        """Health and memory, twice a second."""
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        # A connection of its own, as a probe has: on that of the callers it would wait for its turn
        # among them (--serve.max_streams).
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.server.address, options=options) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while not stop.is_set():
                self.peak_mib = max(self.peak_mib, resident_mib(self.server))
                begin = time.monotonic()
                try:
                    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
                    if answer.status != health_pb2.HealthCheckResponse.SERVING:
                        self.wrong.append(f"health is {answer.status}, and it serves")
                except grpc.aio.AioRpcError as error:
                    self.wrong.append(f"health: {error.code().name}")
                self.slowest_health = max(self.slowest_health, time.monotonic() - begin)
                await asyncio.sleep(0.5)


async def closed_loop(pressed, seconds):
    """Answers a second with callers that each wait for theirs, so many that some always wait."""
    end = time.monotonic() + seconds
    answered = 0

    async def caller(stub, number):
        nonlocal answered
        seed = number
        while time.monotonic() < end:
            done = await pressed.ask(stub, seed)
            answered += done
            seed += RUNNING + WAITING

    async with grpc.aio.insecure_channel(pressed.server.address) as channel:
        begin = time.monotonic()
        callers = range(RUNNING + WAITING // 2)
        await asyncio.gather(*(caller(pressed.stub(channel), number) for number in callers))
        return answered / (time.monotonic() - begin)


async def open_loop(pressed, rate, seconds, call):
    """Calls at a rate, whatever becomes of them; what succeeded a second, and what was offered."""
    loop_begin = time.monotonic()
    pending, done, offered = set(), 0, 0

    def ended(task):
        nonlocal done
        pending.discard(task)
        done += task.result()

    channels = [grpc.aio.insecure_channel(pressed.server.address) for _ in range(4)]
    try:
        while (now := time.monotonic() - loop_begin) < seconds:
            while offered < now * rate:
                task = asyncio.ensure_future(call(pressed.stub(channels[offered % 4]), offered))
                pending.add(task)
                task.add_done_callback(ended)
                offered += 1
            await asyncio.sleep(0.005)
        took = time.monotonic() - loop_begin
        succeeded = done
        await asyncio.gather(*pending)
        return succeeded / took, offered / took
    finally:
        for channel in channels:
            await channel.close()


async def vanish(pressed, count):
    """Callers that leave in the middle of an answer, a few at a time."""

    async def one(channel):
        stream = pressed.stub(channel).Query(query(), timeout=60)
        try:
            await stream.read()
        except grpc.aio.AioRpcError as error:
            pressed.refused(error)
        stream.cancel()

    async with grpc.aio.insecure_channel(pressed.server.address) as channel:
        for _ in range(0, count, RUNNING):
            await asyncio.gather(*(one(channel) for _ in range(RUNNING)))


async def late(pressed, count):
    """Calls whose deadline is past when they come, or almost."""
    async with grpc.aio.insecure_channel(pressed.server.address) as channel:
        stub = pressed.stub(channel)
        for number in range(count):
            try:  # one in four has a chance to be answered
                async for _ in stub.Query(query(), timeout=0.0005 * (number % 4)):
                    pass
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                    pressed.refused(error)


async def slow_readers(pressed, count):
    """Callers that take the first piece of an answer and nothing more; their queries end."""
    options = [("grpc.http2.lookahead_bytes", 5), ("grpc.http2.bdp_probe", 0)]
    channels = [
        grpc.aio.insecure_channel(pressed.server.address, options=options) for _ in range(count)
    ]
    streams = []
    for channel in channels:
        request = query()
        request.max_tokens = 900
        streams.append(pressed.stub(channel).Query(request, timeout=60))
    for stream in streams:
        try:
            await stream.read()
        except grpc.aio.AioRpcError as error:
            pressed.refused(error)
    await at_rest(pressed, "slow readers")
    for stream in streams:
        stream.cancel()
    for channel in channels:
        await channel.close()


def many_connections(pressed, count):
    """Connections that say nothing; a caller beside them is answered."""
    host, port = pressed.server.address.split(":")
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection((host, int(port)), timeout=10))
        pressed.server.query("Still there?", max_tokens=2)
        pressed.peak_mib = max(pressed.peak_mib, resident_mib(pressed.server))
    except (OSError, grpc.RpcError) as error:
        pressed.wrong.append(f"with {len(sockets)} idle connections: {error!r}")
    finally:
        for connection in sockets:
            connection.close()


def ping_flood(pressed, count):
    """HTTP/2 pings without a call: the server says GOAWAY and closes, and others are served."""
    host, port = pressed.server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        ping = b"\0\0\x08\x06\0\0\0\0\0" + struct.pack(">Q", 7)
        try:
            for _ in range(count // 100):
                connection.sendall(ping * 100)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            received = None  # it hung up while we were still talking
        except TimeoutError:
            pressed.wrong.append(f"{count} pings are answered, and more would be")
            return
    if received is not None and b"too_many_pings" not in received:
        pressed.wrong.append("the connection ended, without a word of too many pings")
    pressed.server.query("Still there?", max_tokens=2)


def messages_at_the_limit(pressed):
    """An experience of just the size that is allowed, and one byte more."""
    limit = int(FLAGS["inject__max_bytes"])
    try:
        pressed.server.inject("x" * limit)
    except grpc.RpcError as error:
        pressed.wrong.append(f"an experience of {limit} bytes: {error.code().name}")
    for size in (limit + 1, limit + (4 << 20)):
        try:
            pressed.server.inject("x" * size)
            pressed.wrong.append(f"an experience of {size} bytes was taken")
        except grpc.RpcError as error:
            if error.code() not in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            ):
                pressed.wrong.append(f"an experience of {size} bytes: {error.code().name}")


async def at_rest(pressed, after):
    end = time.monotonic() + harness.PATIENCE_SECONDS
    while True:
        status = await asyncio.to_thread(pressed.server.status)
        if status.running_queries + status.waiting_queries == 0:
            return
        if time.monotonic() > end:
            pressed.wrong.append(
                f"after {after}: {status.running_queries} queries run, "
                f"{status.waiting_queries} wait, and nobody asks"
            )
            return
        await asyncio.sleep(0.05)


async def press(pressed, seconds, hostile):
    stop = asyncio.Event()
    watching = asyncio.ensure_future(pressed.watch(stop))
    await closed_loop(pressed, min(seconds, 5))  # warm
    alone = await closed_loop(pressed, seconds)
    pressed.base_mib = resident_mib(pressed.server)

    async def ask(stub, number):
        return await pressed.ask(stub, number)

    async def tell(stub, number):
        return await pressed.tell(stub, number)

    goodput, offered = await open_loop(pressed, 10 * alone, seconds, ask)
    await at_rest(pressed, "ten times the load")
    await vanish(pressed, hostile)
    await at_rest(pressed, "callers that vanished")
    await late(pressed, hostile)
    await at_rest(pressed, "calls that were late")
    await slow_readers(pressed, 2 * RUNNING)
    messages_at_the_limit(pressed)
    grown = pressed.peak_mib - pressed.base_mib
    if grown > MEMORY_MIB:
        pressed.wrong.append(f"memory grew by {grown:.0f} MiB, the bound is {MEMORY_MIB}")
    # Last: what was told is written about, which looks like queries that run, and takes memory.
    told, tell_offered = await open_loop(pressed, 400, min(seconds, 10), tell)
    stop.set()
    await watching
    return {
        "capacity_per_s": round(alone, 1),
        "offered_per_s": round(offered, 1),
        "goodput_per_s": round(goodput, 1),
        "goodput_over_capacity": round(goodput / alone, 3),
        "told_per_s": round(told, 1),
        "tell_offered_per_s": round(tell_offered, 1),
    }


def run(folder, seconds, hostile=400, connections=CONNECTIONS, model=harness.TINY_CHAT):
    with harness.Server(folder, model=model, **FLAGS) as server:
        server.query("Go on.", max_tokens=2)
        pressed = Pressed(server)
        result = asyncio.run(press(pressed, seconds, hostile))
        many_connections(pressed, connections)
        ping_flood(pressed, PINGS)
        if server.stop() != 0:
            pressed.wrong.append("it does not leave on SIGTERM")
    result |= {
        "seconds": seconds,
        "codes": dict(pressed.codes),
        "memory_before_mib": round(pressed.base_mib),
        "memory_peak_mib": round(pressed.peak_mib),
        "slowest_health_s": round(pressed.slowest_health, 3),
        "wrong": [f"{what} ({n} x)" for what, n in collections.Counter(pressed.wrong).items()],
    }
    return result


def main():
    parser = argparse.ArgumentParser(prog="tests/overload/run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of ten times the load (120)")
    parser.add_argument(
        "--model",
        default=harness.TINY_CHAT,
        help="the tiny one by default: so fast that it is rather this program that is at its limit",
    )
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imprint-overload-") as folder:
        result = run(pathlib.Path(folder), options.seconds, model=options.model)
    if not options.json:
        for name, value in result.items():
            print(f"{name:<24}{value}")
    print(json.dumps(result))
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
