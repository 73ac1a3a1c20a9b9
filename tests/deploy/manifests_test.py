#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-only
"""Checks deploy/: every file parses, overlays build, rights are those that the code uses.

  manifests_test.py [WASMBED]   WASMBED: the program; with it and kubectl, what our own API server
                                knows is applied to it with --dry-run=server
Speaks TAP. Without kubectl or the program those checks are skipped aloud.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(77)

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
deploy = os.path.join(top, "deploy")
count = 0
failed = 0


def claim(text, problems):
    global count, failed
    count += 1
    print(("not ok" if problems else "ok"), count, "-", text)
    for problem in problems:
        print("#  ", problem)
    failed += bool(problems)


def skip(text, why):
    global count
    count += 1
    print("ok", count, "-", text, "# SKIP", why)


def load(path):
    with open(path, encoding="utf-8") as file:
        return [d for d in yaml.safe_load_all(file) if d is not None]


def find(objects, kind, name):
    return next((o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name), None)


# ---- every file
files = sorted(
    path for path in glob.glob(deploy + "/**/*.yaml", recursive=True) if "/templates/" not in path)
problems = []
base = []
for path in files:
    try:
        documents = load(path)
    except yaml.YAMLError as error:
        problems.append(f"{path}: {error}")
        continue
    for document in documents:
        if "/helm/" not in path and not {"apiVersion", "kind"} <= set(document):
            problems.append(f"{path}: a document without apiVersion or kind")
        if "/base/" in path and document.get("kind") != "Kustomization":
            base.append(document)
            if "name" not in document.get("metadata", {}):
                problems.append(f"{path}: a document without a name")
claim(f"all {len(files)} files are YAML with kinds and names", problems)

# ---- what runs
problems = []
for kind, name in (("Deployment", "wasmbed-controller"), ("StatefulSet", "wasmbed-gateway")):
    workload = find(base, kind, name)
    spec = workload["spec"]["template"]["spec"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    if workload["spec"]["selector"]["matchLabels"].items() - labels.items():
        problems.append(f"{name}: its selector does not match its pods")
    if not find(base, "ServiceAccount", spec["serviceAccountName"]):
        problems.append(f"{name}: no ServiceAccount {spec['serviceAccountName']}")
    if spec["securityContext"].get("runAsNonRoot") is not True:
        problems.append(f"{name}: may run as root")
    if spec["securityContext"].get("seccompProfile", {}).get("type") != "RuntimeDefault":
        problems.append(f"{name}: no seccomp profile")
    for container in spec["containers"]:
        context = container.get("securityContext", {})
        if not (context.get("readOnlyRootFilesystem") and context.get("capabilities") ==
                {"drop": ["ALL"]} and context.get("allowPrivilegeEscalation") is False):
            problems.append(f"{name}: the container has more rights than it needs")
        ports = {port["name"] for port in container["ports"]}
        for probe in ("livenessProbe", "readinessProbe"):
            if container.get(probe, {}).get("httpGet", {}).get("port") not in ports:
                problems.append(f"{name}: {probe} is missing or names no port")
        if "limits" not in container.get("resources", {}):
            problems.append(f"{name}: no limits")
    for other in base:
        selector = other.get("spec", {}).get("selector", {})
        selector = selector.get("matchLabels", selector)
        if other["kind"] in ("Service", "PodDisruptionBudget") and \
                selector.get("app.kubernetes.io/name") not in ("wasmbed-controller",
                                                               "wasmbed-gateway"):
            problems.append(f"{other['kind']} {other['metadata']['name']} selects nothing")
node_ports = [port.get("nodePort") for o in base if o["kind"] == "Service"
              for port in o["spec"]["ports"]]
if 30423 not in node_ports:
    problems.append("no Service has NodePort 30423")
claim("workloads are confined, probed, limited and selected", problems)


def options_of(function):
    """The options that a command takes, from its source."""
    with open(os.path.join(top, "host/cli/src/services.c"), encoding="utf-8") as file:
        source = file.read()
    body = source[source.index(f"int {function}("):]
    return set(re.findall(r'OPTION_(?:TEXT|NUMBER|FLAG)\("([a-z-]+)"', body[:body.index("\n}")]))


problems = []
for kind, name, function in (("Deployment", "wasmbed-controller", "command_controller"),
                             ("StatefulSet", "wasmbed-gateway", "command_gateway")):
    args = find(base, kind, name)["spec"]["template"]["spec"]["containers"][0]["args"]
    for argument in args:
        option = re.match(r"--([a-z-]+)", argument)
        if option and option.group(1) not in options_of(function):
            problems.append(f"{name}: no such option {argument}")
routes = ""
for source in ("host/gateway/src/http.c", "host/controller/src/report.c"):
    with open(os.path.join(top, source), encoding="utf-8") as file:
        routes += file.read()
for o in base:
    for container in o.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for probe in ("livenessProbe", "readinessProbe"):
            path = container[probe]["httpGet"]["path"]
            if f'"{path}"' not in routes:
                problems.append(f"{o['metadata']['name']}: nobody answers {path}")
claim("commands have the options, and answer the probes, that the manifests use", problems)

# ---- rights

def used(folders):
    """(resource, verb) pairs in the source: requests, and list+watch of reflectors."""
    pairs = set()
    for folder in folders:
        for path in glob.glob(f"{top}/host/{folder}/src/*.c"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            calls = list(re.finditer(r"\bwb_kube_(get|create|update|patch|delete|list)\(", text))
            for i, call in enumerate(calls):
                stop = calls[i + 1].start() if i + 1 < len(calls) else len(text)
                arguments = text[call.end():min(stop, call.end() + 160)].split(";")[0]
                resource = re.search(r"&wb_kube_([a-z]+)\b", arguments)
                if resource:
                    status = '"status"' in arguments
                    pairs.add((resource.group(1) + ("/status" if status else ""), call.group(1)))
            # caches: .resource = &wb_kube_x, and tables of caches
            for resource in re.findall(r"resource = &wb_kube_([a-z]+)", text) + \
                    re.findall(r"\[CACHE_[A-Z]+\] = \{&wb_kube_([a-z]+)", text):
                pairs |= {(resource, "list"), (resource, "watch")}
            # jobs of the controller: a table of what is patched
            for job, resource in re.findall(r"\[JOB_([A-Z_]+)\] = &wb_kube_([a-z]+)", text):
                pairs.add((resource + ("/status" if job.endswith("STATUS") else ""), "patch"))
    return pairs


def granted(name):
    return {(resource, verb) for rule in find(base, "Role", name)["rules"]
            for resource in rule["resources"] for verb in rule["verbs"]}


kube = used(["kube"])
for program in ("controller", "gateway"):
    has = granted(f"wasmbed-{program}")
    wants = used([program]) | {p for p in kube if p[0] in ("leases", "events")}
    if program == "gateway":  # it never gives leadership up
        wants.discard(("leases", "patch"))
    problems = [f"not granted: {verb} {resource}" for resource, verb in sorted(wants - has)]
    problems += [f"granted but not used: {verb} {resource}" for resource, verb in sorted(has - wants)]
    if any("*" in pair for pair in has):
        problems.append("a wildcard")
    binding = find(base, "RoleBinding", f"wasmbed-{program}")
    if binding["subjects"][0]["name"] != f"wasmbed-{program}":
        problems.append("bound to somebody else")
    claim(f"rights of the {program} are exactly those that its code uses", problems)

# ---- the chart. Its templates only substitute values, so that this does what helm would.
chart = deploy + "/helm/wasmbed"
values = load(chart + "/values.yaml")[0]
problems = []


def substitute(match):
    if match.group(1) == ".Release.Namespace":
        return "wasmbed"
    at = values
    for part in match.group(1).split(".")[2:]:
        at = at.get(part) if isinstance(at, dict) else None
    if at is None or not match.group(1).startswith(".Values."):
        problems.append(f"no value for {match.group(1)}")
    return str(at)


rendered = []
for path in sorted(glob.glob(chart + "/templates/*.yaml")):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"\{\{ *([A-Za-z.]+) *\}\}", substitute, file.read())
    rendered += [d for d in yaml.safe_load_all(text) if d]
for o in base:
    if o["kind"] != "Namespace" and o not in rendered:
        problems.append(f"{o['kind']} {o['metadata']['name']} is missing or differs")
for o in rendered:
    if o not in base:
        problems.append(f"{o['kind']} {o['metadata']['name']} is not in deploy/base")
for name in ("applications", "devices", "gateways"):
    if load(f"{chart}/crds/{name}.yaml") != load(f"{deploy}/crds/{name}.yaml"):
        problems.append(f"crds/{name}.yaml differs from deploy/crds")
claim("the chart renders to what deploy/base says", problems)

# ---- kustomize
kubectl = shutil.which("kubectl")
built = {}
if kubectl:
    for overlay in sorted(glob.glob(deploy + "/overlays/*")) + [deploy + "/base"]:
        run = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True,
                             check=False)
        problems = run.stderr.splitlines()[:5] if run.returncode else []
        if not problems:
            built[overlay] = [d for d in yaml.safe_load_all(run.stdout) if d]
            for o in built[overlay]:
                if o["kind"] not in ("Namespace", "CustomResourceDefinition") and \
                        o["metadata"].get("namespace") != "wasmbed":
                    problems.append(f"{o['kind']} {o['metadata']['name']}: not in wasmbed")
        claim(f"kubectl kustomize builds {os.path.relpath(overlay, top)}", problems)
else:
    skip("kubectl kustomize", "kubectl is not installed")

# ---- our own API server
# CRDs are compiled into it and cannot be changed there; rights and workloads it does not have.
KNOWN = ("Namespace", "ServiceAccount", "Gateway")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def dry_run(wasmbed, folder):
    port = free_port()
    log = open(folder + "/log", "w", encoding="utf-8")
    with open(folder + "/tokens", "w", encoding="utf-8") as file:
        file.write('secret,admin,1,"system:masters"\n')
    server = subprocess.Popen([wasmbed, "up", "--state", folder + "/state", "--devices", "posix=0",
                               "--no-apps", "--api-port", str(port), "--tls-port",
                               str(free_port()), "--http-port", str(free_port()), "--https-port",
                               str(free_port())], stdout=log, stderr=log)
    kubeconfig = folder + "/state/kubeconfig"
    try:
        for _ in range(100):
            ready = subprocess.run([kubectl, "--kubeconfig", kubeconfig, "get", "--raw",
                                    "/readyz"], capture_output=True, check=False)
            if ready.returncode == 0:
                break
            time.sleep(0.1)
        else:
            with open(folder + "/log", encoding="utf-8") as file:
                return ["the API server did not start:"] + file.read().splitlines()[-5:]
        objects = [o for o in built[deploy + "/base"] if o["kind"] in KNOWN]
        with open(folder + "/objects.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump_all(objects, file)
        run = subprocess.run([kubectl, "--kubeconfig", kubeconfig, "--cache-dir",
                              folder + "/cache", "apply", "--dry-run=server", "-f",
                              folder + "/objects.yaml"], capture_output=True, text=True,
                             check=False)
        lines = [line for line in run.stdout.splitlines() if "server dry run" in line]
        problems = run.stderr.splitlines()[:10] if run.returncode else []
        if len(lines) != len(objects):
            problems.append(f"{len(lines)} of {len(objects)} objects were taken")
        return problems
    finally:
        server.terminate()
        server.wait()
        log.close()


if len(sys.argv) > 1 and kubectl and os.access(sys.argv[1], os.X_OK):
    with tempfile.TemporaryDirectory() as directory:
        claim("kubectl apply --dry-run=server takes what our API server knows",
              dry_run(sys.argv[1], directory))
else:
    skip("kubectl apply --dry-run=server", "the program or kubectl is missing")
print(f"1..{count}")
sys.exit(1 if failed else 0)
