# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A server that answers as it is told: for errors that a real one gives by chance only."""

import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from imprint import _rpc


class Refusal:
    """A code, and RetryInfo with a delay in seconds where there is one.

    `grpc_message`: what gRPC's own field says, where that is not the server's message.
    """

    def __init__(self, code, retry_delay=None, grpc_message="told so"):
        details = [error_details_pb2.ErrorInfo(reason="TOLD_SO", domain="imprint")]
        if retry_delay is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromNanoseconds(round(retry_delay * 1e9))
            details.append(retry)
        packed = [any_pb2.Any() for _ in details]
        for any_message, detail in zip(packed, details):
            any_message.Pack(detail)
        self.code = code
        self.grpc_message = grpc_message
        self.rich = status_pb2.Status(code=code.value[0], message="told so", details=packed)

    def abort(self, context):
        context.set_trailing_metadata([("grpc-status-details-bin", self.rich.SerializeToString())])
        context.abort(self.code, self.grpc_message)


class Silence:
    """No answer for as long as the caller waits."""

    def keep(self, context):
        over = threading.Event()
        context.add_callback(over.set)
        over.wait(30)


class FakeServer(grpc.GenericRpcHandler):
    """`script` is a list of what to do, a call each: a Refusal, or responses to give before one;
    where one response is wanted, also a Silence.

    Behind its end, every call is answered with an empty response. `calls` are (method, request),
    `metadata` what came with each.
    """

    def __init__(self):
        self.script = []
        self.calls = []
        self.metadata = []
        self._rpcs = {rpc.path: rpc for rpc in vars(_rpc).values() if isinstance(rpc, _rpc.Rpc)}
        self._server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self):
        self._server.stop(None).wait(10)

    def service(self, details):
        self.metadata.append(dict(details.invocation_metadata))
        rpc = self._rpcs[details.method]
        make = (
            grpc.unary_stream_rpc_method_handler
            if rpc.streams
            else grpc.unary_unary_rpc_method_handler
        )
        return make(
            self._stream(rpc) if rpc.streams else self._answer(rpc),
            request_deserializer=rpc.request.FromString,
            response_serializer=rpc.response.SerializeToString,
        )

    def _answer(self, rpc):
        def answer(request, context):
            self.calls.append((rpc.name, request))
            step = self.script.pop(0) if self.script else rpc.response()
            if isinstance(step, Refusal):
                step.abort(context)
            if isinstance(step, Silence):
                step.keep(context)
                return rpc.response()
            return step

        return answer

    def _stream(self, rpc):
        def stream(request, context):
            self.calls.append((rpc.name, request))
            for step in self.script.pop(0) if self.script else [rpc.response()]:
                if isinstance(step, Refusal):
                    step.abort(context)
                yield step

        return stream
