# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Both clients offer the same, and all that the API has."""

import inspect

import pytest

import imprint
from imprint import AsyncClient, AsyncStream, Client, Stream, _rpc, async_resources, resources
from imprint._convert import number_of, word_of
from imprint.v1 import admin_service_pb2, experience_pb2, imprint_service_pb2

PAIRS = [(Client, AsyncClient), (Stream, AsyncStream)] + [
    (getattr(resources, name), getattr(async_resources, f"Async{name}"))
    for name in ("Experiences", "Jobs", "Probes", "Updates", "Versions")
]


def public(kind):
    return {name: member for name, member in vars(kind).items() if not name.startswith("_")}


def plain(signature):
    """The signature, with what asyncio calls otherwise called the same."""
    text = str(signature)
    for ours, theirs in (("AsyncIterator", "Iterator"), ("AsyncStream", "Stream")):
        text = text.replace(ours, theirs)
    return text


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
def test_both_clients_offer_the_same(pair):
    threads, asyncio = (public(kind) for kind in pair)
    assert list(threads) == list(asyncio)
    for name, member in threads.items():
        if inspect.isfunction(member):
            assert plain(inspect.signature(member)) == plain(inspect.signature(asyncio[name]))
            assert member.__doc__, name
            assert asyncio[name].__doc__, name


def test_clients_are_made_alike():
    assert inspect.signature(Client) == inspect.signature(AsyncClient)


def test_every_call_of_the_api_is_there():
    ours = {rpc.path: rpc for rpc in vars(_rpc).values() if isinstance(rpc, _rpc.Rpc)}
    theirs = {}
    for module in (imprint_service_pb2, admin_service_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                theirs[f"/{service.full_name}/{method.name}"] = method
    left_to_imprint_v1 = {  # as the README says
        "/imprint.v1.AdminService/CreateBackup",
        "/imprint.v1.AdminService/DeleteBackup",
        "/imprint.v1.AdminService/ExportVersion",
        "/imprint.v1.AdminService/ListBackups",
        "/imprint.v1.AdminService/StreamEvents",
    }
    assert set(theirs) - set(ours) == left_to_imprint_v1
    assert set(ours) <= set(theirs)
    for path, rpc in ours.items():
        assert rpc.request.DESCRIPTOR is theirs[path].input_type, path
        assert rpc.response.DESCRIPTOR is theirs[path].output_type, path


@pytest.mark.parametrize(
    ("words", "enum"),
    [
        (imprint.State, experience_pb2.ExperienceState),
        (imprint.FinishReason, imprint_service_pb2.FinishReason),
        (imprint.JobState, admin_service_pb2.JobState),
        (imprint.JobKind, admin_service_pb2.JobKind),
        (imprint.JobTrigger, admin_service_pb2.JobTrigger),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_value_of_an_enum_has_a_word(words, enum):
    assert [word_of(words, enum, number) for number in enum.values()] == list(words)
    assert [number_of(word, enum) for word in words] == list(enum.values())
    assert word_of(words, enum, 1_000_000) is words.UNSPECIFIED, "of a newer server"


def test_all_that_is_public_can_be_imported():
    for name in imprint.__all__:
        assert getattr(imprint, name) is not None
    assert sorted(imprint.__all__) == imprint.__all__
