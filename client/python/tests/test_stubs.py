# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The committed stubs say what the protos say; generate_stubs makes them again."""

import re

import grpc_tools
import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

import wheel
from imprint.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    experience_pb2,
    imprint_service_pb2,
    imprint_service_pb2_grpc,
    message_pb2,
)

PROTOS = wheel.ROOT / "proto"
MODULES = {
    module.DESCRIPTOR.name: module
    for module in (admin_service_pb2, experience_pb2, imprint_service_pb2, message_pb2)
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Each proto as protoc reads it now."""
    out = tmp_path_factory.mktemp("protos") / "set.binpb"
    files = sorted(str(path) for path in (PROTOS / "imprint/v1").glob("*.proto"))
    include = f"-I{list(grpc_tools.__path__)[0]}/_proto"
    assert protoc.main(["protoc", f"-I{PROTOS}", include, f"-o{out}", *files]) == 0
    descriptors = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    return {file.name: file for file in descriptors.file}


def messages(message):
    yield message
    for nested in message.nested_type:
        yield from messages(nested)


def test_the_stubs_are_those_of_the_protos(compiled):
    assert set(MODULES) == set(compiled)
    for name, file in compiled.items():
        for top in file.message_type:
            for message in messages(top):
                for field in message.field:
                    field.ClearField("json_name")  # in what protoc writes to a file alone
        stub = descriptor_pb2.FileDescriptorProto()
        MODULES[name].DESCRIPTOR.CopyToProto(stub)
        for top in stub.message_type:
            for message in messages(top):
                for field in message.field:
                    field.ClearField("json_name")
        assert stub == file, f"{name} has changed: run client/python/generate_stubs"


def test_types_name_every_message_and_field(compiled):
    for name, file in compiled.items():
        types = wheel.PACKAGE / "src" / name.replace(".proto", "_pb2.pyi")
        classes = dict(
            re.findall(r"^class (\w+)\(.*?\n((?:    .*\n|\n)*)", types.read_text(), re.M)
        )
        for message in file.message_type:
            for field in message.field:
                assert f"    {field.name}: " in classes[message.name], (
                    f"{message.name}.{field.name}"
                )


def test_service_stubs_have_every_call(compiled):
    for module in (admin_service_pb2_grpc, imprint_service_pb2_grpc):
        file = compiled[module.__name__.replace(".", "/").replace("_pb2_grpc", ".proto")]
        (service,) = file.service
        calls = {
            name for name in vars(getattr(module, f"{service.name}Servicer")) if name[0] != "_"
        }
        assert calls == {method.name for method in service.method}
