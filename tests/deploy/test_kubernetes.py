# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The Helm chart, as Helm renders it."""

import functools
import json
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from commands import ROOT, assert_understood, project_version

HELM = ROOT / "build/deps/helm/helm"
CHART = ROOT / "deploy/kubernetes/imprint"
OLDEST_AND_NEWEST = ("1.29", "1.37")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

SWITCHES = {
    "defaults": {},
    "tag": {"image": {"tag": "0.1.0-demo", "pullPolicy": "Always"}},
    "pull-secret": {"imagePullSecrets": [{"name": "registry"}]},
    "model-claim": {"model": {"path": "/models/qwen", "existingClaim": "models"}},
    "flags": {"flags": {"log_format": "json", "update.min_batch": 4, "gate.min_efficacy": 0.2}},
    "env": {"env": [{"name": "GOMP_SPINCOUNT", "value": "0"}]},
    "drain": {"drainSeconds": 300},
    "not-kept": {"persistence": {"enabled": False}},
    "storage": {"persistence": {"storageClass": "fast", "accessMode": "ReadWriteOncePod"}},
    "node-port": {"service": {"type": "NodePort", "port": 443, "annotations": {"a": "b"}}},
    "one-port": {"adminService": {"enabled": False}},
    "no-metrics": {"metrics": {"enabled": False}},
    "monitor": {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "p"}}}},
    "rules": {"metrics": {"prometheusRule": {"enabled": True, "labels": {"release": "p"}}}},
    "backup": {"backup": {"existingClaim": "imprint-backups", "keep": 30}},
    "volumes": {
        "extraVolumes": [
            {"name": "endpoint", "secret": {"secretName": "endpoint-key", "defaultMode": 0o440}}
        ],
        "extraVolumeMounts": [{"name": "endpoint", "mountPath": "/endpoint", "readOnly": True}],
    },
    "tls": {"tls": {"secretName": "imprint-tls"}},
    "tls-alone": {"tls": {"secretName": "imprint-tls"}, "metrics": {"enabled": False}},
    "client-certificates": {"tls": {"secretName": "imprint-tls", "clientCertificates": True}},
    "tokens": {"auth": {"secretName": "imprint-tokens", "forgetScope": "inject"}},
    "gpu": {"gpu": {"count": 1, "runtimeClassName": "nvidia"}},
    "no-limits": {"resources": {"limits": None, "requests": None}},
    "no-policy": {"networkPolicy": {"enabled": False}},
    "closed": {"networkPolicy": {"from": [], "adminFrom": [], "metricsFrom": []}},
    "no-budget": {"podDisruptionBudget": {"enabled": False}},
    "strict-budget": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "placement": {
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "priorityClassName": "high",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    },
}


def merged(*layers):
    """Later layers win, key by key, as Helm does it."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


# Those that take away what others turn on, alone.
APART = ("tls-alone", "one-port", "closed")
SWITCHES["all"] = merged(
    *(SWITCHES[name] for name in SWITCHES if not name.startswith("no-") and name not in APART)
)


def helm(*arguments, values=None):
    """Runs Helm with the values on standard input."""
    return subprocess.run(
        [HELM, *arguments, "--values=-"],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        check=False,
    )


@functools.cache
def template(values, release, chart):
    done = helm("template", release, chart, "--namespace=ns", values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(values=None, release="imprint", chart=CHART):
    """The objects by kind and name."""
    text = template(json.dumps(values or {}), release, chart)
    objects = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def pod_of(objects):
    return next(each for (kind, _), each in objects.items() if kind == "StatefulSet")["spec"][
        "template"
    ]


def container_of(objects):
    return pod_of(objects)["spec"]["containers"][0]


# --- valid ---


@pytest.mark.parametrize("name", SWITCHES)
def test_it_is_valid(name):
    lint = helm("lint", "--strict", CHART, values=SWITCHES[name])
    assert lint.returncode == 0, lint.stdout
    for (kind, _), each in render(SWITCHES[name]).items():
        if kind in ("ServiceMonitor", "PrometheusRule"):
            continue  # of the Prometheus operator; tests of their own have them
        for version in OLDEST_AND_NEWEST:
            kubernetes_validate.validate(each, version, strict=True)


def test_the_schemas_find_what_is_wrong():
    objects = render()
    pod_of(objects)["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(objects["StatefulSet", "imprint"], "1.29", strict=True)


@pytest.mark.parametrize("name", ["defaults", "tls-alone", "client-certificates", "tokens", "all"])
def test_imprintd_understands_its_flags(name, tmp_path):
    program, *flags = container_of(render(SWITCHES[name]))["args"]
    assert program == "imprintd"
    assert_understood(flags, tmp_path)


def test_a_number_stays_as_it_was_written():
    values = {"flags": {"inject.max_bytes": 16777216, "update.learning_rate": 0.0005}}
    flags = container_of(render(values))["args"]
    assert "--inject.max_bytes=16777216" in flags
    assert "--update.learning_rate=0.0005" in flags


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 2},
        {"flags": {"threads": 4}},
        {"flags": {"--log_format": "json"}},
        {"service": {"port": 70000}},
        {"persistence": {"size": "much"}},
        {"persistence": {"accessMode": "ReadWriteMany"}},
        {"model": {"path": "models/relative"}},
        {"gpu": {"count": 2}},
        {"auth": {"forgetScope": "query"}},
        {"flags": {"auth.tokens_file": "/tokens"}},
    ],
)
def test_wrong_values_are_refused(values):
    done = helm("template", "imprint", CHART, values=values)
    assert done.returncode != 0
    assert next(iter(values)) in done.stderr


def test_the_schema_has_every_value():
    def compare(values, schema, path):
        if schema.get("additionalProperties") is not False:
            return
        known = set(schema["properties"]) - {"global"}
        assert known == set(values), path
        for key, value in values.items():
            if isinstance(value, dict):
                compare(value, schema["properties"][key], f"{path}.{key}")

    compare(VALUES, json.loads((CHART / "values.schema.json").read_text()), "values")


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project_version()
    assert container_of(render())["image"] == f"imprint:{project_version()}"


# --- confined ---


@pytest.mark.parametrize("name", SWITCHES)
def test_the_pod_is_restricted(name):
    """What the pod security standard `restricted` asks for, and a root that nobody writes."""
    pod = pod_of(render(SWITCHES[name]))["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_user_is_that_of_the_image():
    user = pod_of(render())["spec"]["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", [name for name in SWITCHES if name != "no-policy"])
def test_only_those_who_may_reach_it(name):
    objects = render(SWITCHES[name])
    policy = objects["NetworkPolicy", "imprint"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy["egress"]
    allowed = [port["port"] for rule in policy["ingress"] or [] for port in rule["ports"]]
    ports = [port["name"] for port in container_of(objects)["ports"]]
    assert allowed == ([] if name == "closed" else ports)


# --- connected ---


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("release", ["imprint", "r"])
def test_services_lead_to_the_pod(name, release):
    objects = render(SWITCHES[name], release)
    labels = pod_of(objects)["metadata"]["labels"]
    ports = {port["name"]: port["containerPort"] for port in container_of(objects).get("ports", [])}
    full_name = next(key for kind, key in objects if kind == "StatefulSet")
    assert full_name == ("imprint" if release == "imprint" else "r-imprint")
    for (kind, _), each in objects.items():
        if kind != "Service":
            continue
        assert each["spec"]["selector"].items() <= labels.items()
        for port in each["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    assert ("Service", objects["StatefulSet", full_name]["spec"]["serviceName"]) in objects


def test_use_and_administration_are_apart():
    objects = render()
    assert [port["port"] for port in objects["Service", "imprint"]["spec"]["ports"]] == [50051]
    assert objects["Service", "imprint-admin"]["spec"]["ports"][0]["port"] == 50052
    together = render(SWITCHES["one-port"])
    assert ("Service", "imprint-admin") not in together
    assert not [flag for flag in container_of(together)["args"] if "admin_listen" in flag]


def test_prometheus_finds_the_server():
    objects = render(SWITCHES["monitor"])
    monitor = objects["ServiceMonitor", "imprint"]
    assert monitor["metadata"]["labels"]["release"] == "p"
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = [
        each
        for (kind, _), each in objects.items()
        if kind == "Service" and wanted <= each["metadata"]["labels"].items()
    ]
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s"}]
    assert "metrics" in [port["name"] for port in service["spec"]["ports"]]
    # The job that the alerts know.
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "imprint"


def test_prometheus_gets_the_alerts():
    rule = render(SWITCHES["rules"])["PrometheusRule", "imprint"]
    assert rule["metadata"]["labels"]["release"] == "p"
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert rule["spec"]["groups"] == alerts["groups"]
    for without in ("defaults", "no-metrics"):
        assert ("PrometheusRule", "imprint") not in render(SWITCHES[without])


def test_probes_ask_the_health_service():
    container = container_of(render())
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": 50051}


def test_tls():
    """gRPC probes cannot do it; the command line in the container can."""
    objects = render(SWITCHES["tls"])
    container = container_of(objects)
    assert container["readinessProbe"]["exec"] == {"command": ["imprint", "health"]}
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert (env["IMPRINT_SERVER"], env["IMPRINT_TLS_CA"]) == ("localhost:50051", "/tls/ca.crt")
    # /metrics has none; where there is no /metrics, nothing is in the clear.
    consents = [each for each in container["args"] if "insecure" in each]
    assert consents == ["--allow_insecure_metrics_listen"]
    assert "insecure" not in str(container_of(render(SWITCHES["tls-alone"]))["args"])
    assert "--allow_insecure_listen" in container_of(render())["args"]


def test_backups_have_a_place_of_their_own():
    container = container_of(render(SWITCHES["backup"]))
    assert {"--backup.dir=/backups", "--backup.keep=30"} <= set(container["args"])
    assert {"name": "backups", "mountPath": "/backups"} in container["volumeMounts"]
    (volume,) = [
        v for v in pod_of(render(SWITCHES["backup"]))["spec"]["volumes"] if v["name"] == "backups"
    ]
    assert volume["persistentVolumeClaim"] == {"claimName": "imprint-backups"}
    assert "backup" not in str(container_of(render())["args"])


def test_more_volumes():
    pod = pod_of(render(SWITCHES["volumes"]))["spec"]
    assert SWITCHES["volumes"]["extraVolumes"][0] in pod["volumes"]
    assert SWITCHES["volumes"]["extraVolumeMounts"][0] in pod["containers"][0]["volumeMounts"]


def test_every_switch_turned_has_every_kind():
    kinds = {kind for kind, _ in render(SWITCHES["all"])}
    assert kinds >= {
        "StatefulSet", "Service", "ServiceMonitor", "PrometheusRule", "NetworkPolicy",
        "PodDisruptionBudget",
    }  # fmt: skip


def test_alerts_lead_to_a_runbook_that_people_can_read():
    url = "https://wiki.example/imprint"
    rule = {"enabled": True, "runbookUrl": url}
    objects = render({"metrics": {"prometheusRule": rule}})
    (rules,) = [each for (kind, _), each in objects.items() if kind == "PrometheusRule"]
    for alert in rules["spec"]["groups"][0]["rules"]:
        assert alert["annotations"]["runbook_url"] == f"{url}#{alert['alert'].lower()}"


def test_client_certificates():
    container = container_of(render(SWITCHES["client-certificates"]))
    assert "--tls_client_ca=/tls/ca.crt" in container["args"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert (env["IMPRINT_TLS_CERT"], env["IMPRINT_TLS_KEY"]) == ("/tls/tls.crt", "/tls/tls.key")


def test_tokens():
    """The server refuses a file that everybody may read; its group is that of the volume."""
    pod = pod_of(render(SWITCHES["tokens"]))["spec"]
    (container,) = pod["containers"]
    assert {"--auth.tokens_file=/auth/tokens", "--auth.forget_scope=inject"} <= set(
        container["args"]
    )
    (volume,) = [each for each in pod["volumes"] if each["name"] == "auth"]
    assert volume["secret"]["secretName"] == "imprint-tokens"
    assert volume["secret"]["defaultMode"] == 0o440
    assert not [flag for flag in container_of(render())["args"] if "auth." in flag]


def test_the_pod_has_the_time_that_the_drain_takes():
    assert pod_of(render(SWITCHES["drain"]))["spec"]["terminationGracePeriodSeconds"] == 360
    assert "--drain_deadline=300s" in container_of(render(SWITCHES["drain"]))["args"]


def test_a_gpu():
    container = container_of(render(SWITCHES["gpu"]))
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "--device=cuda:0" in container["args"]


def test_the_notes_say_what_is_open(tmp_path):
    # Helm shows notes to those who have a cluster; a template that reads them, to all.
    chart = tmp_path / "imprint"
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "NOTES.txt")
    (chart / "templates/notes.yaml").write_text(
        'kind: Notes\nmetadata: {name: notes}\ntext: {{ tpl (.Files.Get "NOTES.txt") . | quote }}\n'
    )

    def notes(name):
        return render(SWITCHES[name], chart=chart)["Notes", "notes"]["text"]

    assert "imprint.ns.svc:50051" in notes("defaults")
    assert "imprint-admin.ns.svc:50052" in notes("defaults")
    assert "There is no TLS" in notes("defaults")
    assert "There is no TLS" not in notes("tls")
    assert "There are no tokens" in notes("defaults")
    assert "There are no tokens" not in notes("tokens")
    assert "AdminService answers there too" in notes("one-port")
    assert "whoever reaches the pod" in notes("no-policy")
    assert "Nothing is kept" in notes("not-kept")
