# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls whose requests never come to their end: a caller who wants the server to hold them."""

import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions

METHOD = "/imprint.v1.ImprintService/InjectContext"
# What one DATA frame carries.
FRAME = 16384


class HalfCalls:
    """One connection with `count` calls, or as many as the server takes of one, each with all but
    the last byte of `size` bytes."""

    def __init__(self, port, count, size):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(0.5)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._h2.initiate_connection()
        self._left = {}
        self._unsent = b""
        self._knows_the_server = False  # how many calls it takes at a time, say
        self.sent_bytes = 0
        self.is_closed = False
        headers = [(":method", "POST"), (":scheme", "http"), (":path", METHOD),
                   (":authority", "localhost"), ("te", "trailers"),
                   ("content-type", "application/grpc")]  # fmt: skip
        self._flush()
        while not self._knows_the_server:
            self._receive()
        self.count = min(count, self._h2.remote_settings.max_concurrent_streams)
        for _ in range(self.count):
            stream = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream, headers)
            # gRPC's frame: not compressed, its length.
            self._h2.send_data(stream, b"\0" + size.to_bytes(4, "big"))
            self._left[stream] = size - 1
        self._flush()

    def push(self):
        """Sends as much as the server is ready to take now; whether it was anything."""
        before = self.sent_bytes
        if self.is_closed:
            return False
        for stream, left in self._left.items():
            while left > 0:
                room = min(left, FRAME, self._h2.local_flow_control_window(stream))
                if room <= 0:
                    break
                self._h2.send_data(stream, b"x" * room)
                left -= room
                self.sent_bytes += room
            self._left[stream] = left
        try:
            self._flush()
            self._receive()
        except TimeoutError:
            pass
        except OSError:
            self.is_closed = True
        return self.sent_bytes > before

    def close(self):
        self._socket.close()

    def _flush(self):
        """As much as the connection takes now; the rest waits for the next time."""
        self._unsent += self._h2.data_to_send()
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _receive(self):
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            return
        if not data:
            self.is_closed = True
            return
        for event in self._h2.receive_data(data):
            if isinstance(event, (h2.events.StreamReset, h2.events.StreamEnded)):
                self._left.pop(event.stream_id, None)
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self._knows_the_server = True
            if isinstance(event, h2.events.ConnectionTerminated):
                self.is_closed = True
        self._flush()
