#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-only
"""Sends the requests of corpus.txt to an API server and records or compares the answers.

  differential.py record golden.json URL CA-FILE TOKEN NONE-TOKEN
  differential.py check  golden.json URL CA-FILE TOKEN NONE-TOKEN

The server has our CRDs and the namespace wasmbed; TOKEN is an administrator's, NONE-TOKEN of somebody without rights,
named nobody. golden.json holds what a real kube-apiserver answered; known.txt names the requests whose answers differ,
and why. A request that is listed there and does not differ any more fails, too.

corpus.txt: "let X=text" defines $X. "== words" begins a section. A request is METHOD PATH and words: type=merge, json,
strategic, apply, or a media type; accept=table, partial, partials, xml; as=none, bad, anonymous. The next lines are its
body: "device NAME JSON" stands for a Device with that JSON merged in, likewise application, gateway, configmap, secret;
"-" is no name, or no body. "> x=a.b" keeps a value of the answer as $x. WATCH is a GET that collects events for a second.
An empty line ends a request.
"""
import http.client
import json
import re
import ssl
import sys
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
TYPES = {"merge": "application/merge-patch+json", "json": "application/json-patch+json",
         "strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml"}
ACCEPTS = {"table": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
           "partial": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
           "partials": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
           "xml": "application/xml"}
CORE = {"configmap": "ConfigMap", "secret": "Secret"}
OURS = {"device": "Device", "application": "Application", "gateway": "Gateway"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HIDDEN = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue",
          "lastTransitionTime"}


def merge(to, patch):
    for key, value in patch.items():
        if value is None:
            to.pop(key, None)
        elif isinstance(value, dict) and isinstance(to.get(key), dict):
            merge(to[key], value)
        else:
            to[key] = value
    return to


def make_object(kind, name, patch):
    version = "v1" if kind in CORE else "wasmbed.github.io/v1"
    made = {"apiVersion": version, "kind": (CORE | OURS)[kind], "metadata": {}}
    if name != "-":
        made["metadata"]["name"] = name
    if kind == "device":
        made["spec"] = {"deviceId": name.strip("-") or "x", "deviceType": "posix"}
    elif kind == "application":
        made["spec"] = {"wasmBinary": "AGFzbQEAAAA=", "targetDevices": ["d1"]}
    elif kind == "gateway":
        made["spec"] = {"endpoint": "127.0.0.1:4423"}
    return merge(made, json.loads(patch or "{}"))


def read_corpus(text):
    """[(title, method, path, words, body lines, captures)]"""
    requests, lets, section, block = [], {}, "", []

    def finish():
        if not block:
            return
        head, *rest = block
        method, path, *words = head.split(" ")
        for name, value in lets.items():
            path = re.sub(r"\$" + name + r"\b", value, path)
        captures = [line[2:].split("=", 1) for line in rest if line.startswith("> ")]
        body = [line for line in rest if not line.startswith("> ")]
        requests.append((section, method, path, dict(w.split("=", 1) for w in words), body, captures))
        block.clear()

    for line in text.splitlines():
        if line.startswith("#") and not block:
            continue
        if line.startswith("let "):
            name, value = line[4:].split("=", 1)
            lets[name] = value
        elif line.startswith("== "):
            finish()
            section = line[3:]
        elif not line.strip():
            finish()
        else:
            block.append(line)
    finish()
    return requests


def clean_text(text):
    text = UUID.sub("<uid>", text)
    text = re.sub(r"\bgen-[a-z0-9]{5}\b", "gen-<x>", text)
    text = re.sub(r"(resource version: )\d+", r"\1<v>", text)
    text = re.sub(r"(ResourceVersion in record \()\d+", r"\1<v>", text)
    text = re.sub(r"(current: )\d+", r"\1<v>", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", text)


def clean(value, key=""):
    if isinstance(value, dict):
        return {clean_text(k): clean(v, k) for k, v in sorted(value.items())}
    if isinstance(value, list):
        if key == "cells":
            return [re.sub(r"^(\d+[smhdy])+$", "<age>", clean_text(v)) if isinstance(v, str) else v
                    for v in value]
        if key == "managedFields":
            value = sorted(value, key=lambda v: (v.get("manager", ""), v.get("operation", ""),
                                                 v.get("subresource", "")))
        return [clean(v) for v in value]
    if key in HIDDEN and value not in (None, ""):
        return "<%s>" % key
    return clean_text(value) if isinstance(value, str) else value


def only_mine(items):
    """Lists of cluster-wide kinds hold what other parts of a cluster made."""
    mine = {"default", "wasmbed", "kube-system", "extra"}
    return [i for i in items if i.get("metadata", {}).get("name") in mine or
            i.get("metadata", {}).get("namespace") == "wasmbed"]


class Server:
    def __init__(self, url, ca, token, none):
        self.at = urllib.parse.urlsplit(url)
        self.tls = ssl.create_default_context(cafile=ca)
        self.tls.check_hostname = False
        self.tokens = {None: token, "none": none, "bad": "wrong", "anonymous": None}
        self.values = {}

    def ask(self, method, path, words, body):
        headers = {"User-Agent": "corpus/1", "Accept": ACCEPTS.get(words.get("accept"), "application/json")}
        token = self.tokens[words.get("as")]
        if token:
            headers["Authorization"] = "Bearer " + token
        if body is not None:
            kind = words.get("type", "application/json")
            headers["Content-Type"] = TYPES.get(kind, kind)
        watch = method == "WATCH"
        if watch:
            method, path = "GET", path + "&watch=1&timeoutSeconds=1"
        link = http.client.HTTPSConnection(self.at.hostname, self.at.port, context=self.tls, timeout=20)
        link.request(method, path, body=body, headers=headers)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        warnings = answer.headers.get_all("Warning") or []
        return answer.status, answer.headers.get("Content-Type", ""), warnings, text, watch

    def run(self, request):
        _, method, path, words, body, captures = request
        for name, value in self.values.items():
            path = re.sub(r"\$" + name + r"\b", value, path)
            body = [re.sub(r"\$" + name + r"\b", value, line) for line in body]
        data = "\n".join(body) if body else None
        first = body[0].split(" ", 2) if body else [""]
        if first[0] in CORE or first[0] in OURS:
            data = json.dumps(make_object(first[0], first[1], first[2] if len(first) > 2 else ""))
        elif data == "-":
            data = ""
        status, kind, warnings, text, watch = self.ask(method, path, words, data)
        result = {"status": status, "type": kind.split(";")[0]}
        if warnings:
            result["warnings"] = sorted(clean_text(w) for w in warnings)
        try:
            if watch and status == 200:
                events = [json.loads(line) for line in text.splitlines() if line]
                result["events"] = [clean(e) for e in events if e["type"] != "BOOKMARK" or
                                    "annotations" in e["object"]["metadata"]]
                return result
            value = json.loads(text)
        except ValueError:
            result["text"] = clean_text(text)
            return result
        for name, where in captures:
            found = value
            for part in where.split("."):
                found = found.get(part, {}) if isinstance(found, dict) else {}
            self.values[name] = found if isinstance(found, str) else ""
        if isinstance(value, dict) and path.startswith("/api/v1/namespaces") and path.count("/") == 3 and \
                isinstance(value.get("items"), list):
            value["items"] = only_mine(value["items"])
        result["body"] = clean(value)
        return result


def differences(want, have, where=""):
    if isinstance(want, dict) and isinstance(have, dict):
        out = []
        for key in sorted(set(want) | set(have)):
            at = where + "." + key
            if key not in have:
                out.append("%s: wanted %s, absent" % (at, json.dumps(want[key])[:300]))
            elif key not in want:
                out.append("%s: %s, not wanted" % (at, json.dumps(have[key])[:300]))
            else:
                out += differences(want[key], have[key], at)
        return out
    if isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        return [d for i, (a, b) in enumerate(zip(want, have)) for d in differences(a, b, "%s[%d]" % (where, i))]
    if want == have and type(want) is type(have):
        return []
    return ["%s: wanted %s, have %s" % (where, json.dumps(want)[:400], json.dumps(have)[:400])]


def read_known(path):
    """Lines "NUMBER why"; a number is a request's place in the corpus."""
    known = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            title, why = line.split(" :: ", 1)
            known[title] = why
    return known


def main():
    mode, golden, *server = sys.argv[1:]
    requests = read_corpus((HERE / "corpus.txt").read_text())
    target = Server(*server)
    titles, seen = [], {}
    for section, method, path, words, body, _ in requests:
        title = "%s: %s %s" % (section, method, path + "".join(" %s=%s" % w for w in words.items()))
        if body:
            title += " " + body[0][:100]
        seen[title] = seen.get(title, 0) + 1
        titles.append(title if seen[title] == 1 else "%s (%d)" % (title, seen[title]))
    results = [target.run(r) for r in requests]
    if mode == "record":
        Path(golden).write_text(json.dumps(dict(zip(titles, results)), indent=1, sort_keys=True) + "\n")
        print("%d answers recorded" % len(results))
        return 0
    wanted = json.loads(Path(golden).read_text())
    known = read_known(HERE / "known.txt")
    failed = 0
    print("1..%d" % len(titles))
    for number, (title, have) in enumerate(zip(titles, results), 1):
        found = differences(wanted[title], have) if title in wanted else ["not in the golden file: record again"]
        if title in known and found:
            print("ok %d - %s # differs: %s" % (number, title, known[title]))
            continue
        if title in known:
            found = ["known.txt says it differs; it does not any more"]
        if found:
            failed += 1
        print("%s %d - %s" % ("not ok" if found else "ok", number, title))
        for line in found[:12]:
            print("#   " + line)
    for title in set(known) - set(titles):
        failed += 1
        print("# known.txt names a request that the corpus does not have: " + title)
    print("# %d requests, %d the same, %d differ as listed, %d failed" %
          (len(titles), len(titles) - failed - len(known), len(known), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
