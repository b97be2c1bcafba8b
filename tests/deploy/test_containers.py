# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Dockerfile and docker-compose.yml, as far as that can be told without a container engine;
tests/deploy/run_containers builds and runs them."""

import fnmatch
import re
import shlex
import subprocess

import pytest
import yaml

import harness
from commands import ROOT, assert_understood, project_version

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def instructions(name):
    """What follows a word of the Dockerfile, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- Dockerfile ---


def test_what_is_copied_is_let_in():
    let_in = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        source
        for copy in instructions("COPY")
        if not copy.startswith("--from")
        for source in shlex.split(copy)[:-1]
    ]
    assert sorted(copied) == sorted(let_in)
    assert all((ROOT / source).exists() for source in copied)


def packages_with_dependencies(names):
    """Installed Debian packages that come along with these."""
    wanted, found = list(names), set()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        done = subprocess.run(
            ["dpkg-query", "-W", "-f=${Pre-Depends}, ${Depends}", name],
            capture_output=True,
            text=True,
            check=False,  # of alternatives not all are installed
        )
        wanted += re.findall(r"(?:^|[,|]) *([a-z0-9][a-z0-9+.-]*)", done.stdout)
    return found


def test_the_last_stage_has_every_library():
    install = instructions("RUN")[-1]
    named = re.search(r"--no-install-recommends (.*?) &&", install)[1].split()
    there = packages_with_dependencies([*named, "libc6", "libgcc-s1", "libstdc++6"])
    programs = [str(harness.BIN_DIR / name) for name in ("imprintd", "imprint")]
    libraries = set(re.findall(r"=> (/(?:usr/)?lib/\S+)", run("ldd", *programs)))
    assert len(libraries) > 20
    # Where /lib is a link to /usr/lib, a package may know the file by either name.
    owners = run("dpkg-query", "-S", *("*" + library.removeprefix("/usr") for library in libraries))
    assert {line.split(":")[0] for line in owners.splitlines()} <= there


def test_the_server_is_unprivileged_and_checked():
    (user,) = instructions("USER")
    assert user == "10001:10001"
    (health,) = instructions("HEALTHCHECK")
    assert health.endswith('CMD ["imprint", "health"]')
    code, text = harness.run_to_end([harness.BIN_DIR / "imprint", "health", "--help"])
    assert (code, text.startswith("whether it serves")) == (0, True), text


def test_the_image_is_of_this_version():
    assert f"VERSION={project_version()}" in instructions("ARG")


def test_the_image_starts_the_server(tmp_path):
    (command,) = instructions("CMD")
    program, *flags = yaml.safe_load(command)
    assert program == "imprintd"
    assert_understood(flags, tmp_path)


# --- docker-compose.yml ---


def test_compose_reads_it():
    run("docker-compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "mem_limit", "pids_limit"} <= service.keys()
    assert service["ports"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there(name):
    for volume in SERVICES[name]["volumes"]:
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_imprintd_understands_its_flags(tmp_path):
    program, *flags = SERVICES["imprint"]["command"]
    assert program == "imprintd"
    flags = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", flag) for flag in flags]
    assert_understood(flags, tmp_path)


def test_with_tls_and_tokens(tmp_path):
    path = ROOT / "deploy/compose.secure.yml"
    run("docker-compose", "-f", str(ROOT / "docker-compose.yml"), "-f", str(path), "config", "-q")
    service = yaml.safe_load(path.read_text())["services"]["imprint"]
    program, *flags = service["command"]
    assert program == "imprintd"
    assert {flag.split("=")[0] for flag in flags} >= {"--tls_cert", "--auth.tokens_file"}
    assert_understood(flags, tmp_path)


def test_prometheus_is_told_where_the_server_is():
    (targets,) = yaml.safe_load((ROOT / "deploy/prometheus/targets.compose.yml").read_text())
    (target,) = targets["targets"]
    host, port = target.split(":")
    assert host in SERVICES
    assert f"--metrics_listen=0.0.0.0:{port}" in SERVICES[host]["command"]


def test_grafana_is_told_where_prometheus_is():
    url = SERVICES["grafana"]["environment"]["PROMETHEUS_URL"]
    assert url == "http://prometheus:9090"
    assert fnmatch.filter(SERVICES["prometheus"]["ports"], "*:9090")
