#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-only
"""    writers ──HTTP──> apiserver_run ──> SQLite file        kill -9 at random, restart, verify

Claims: what was acknowledged before a kill is there after it, versions only grow, and the server always starts again.

WB_ROUNDS         rounds (default 20)
WB_APISERVER_RUN  the server program (default: below build/asan)
SEED              replays the waiting times (default: fresh, printed)
"""
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = os.environ.get("WB_APISERVER_RUN", str(HERE / "../../build/asan/host/apiserver/apiserver_run"))
ROUNDS = int(os.environ.get("WB_ROUNDS", "20"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
WRITERS = 3
MAPS = "/api/v1/namespaces/wasmbed/configmaps"


def ask(port, method, path, body=None, kind="application/json"):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request(method, path, json.dumps(body) if body else None, {"Content-Type": kind})
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        link.close()


def start(state, port):
    for attempt in range(port, port + 5):
        server = subprocess.Popen([RUN, state, str(attempt), "-"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        if server.stdout.readline().startswith("ready"):
            return server, attempt
        server.wait()
    return None, port


def write(port, number, acknowledged):
    """Each writer owns one object and counts in it until the server is gone."""
    name, count = "w%d" % number, acknowledged.get(number, (0, 0))[0]
    try:
        while True:
            status, got = ask(port, "PATCH", MAPS + "/" + name, {"data": {"n": str(count + 1)}},
                              "application/merge-patch+json")
            if status == 404:
                status, got = ask(port, "POST", MAPS, {"metadata": {"name": name}, "data": {"n": str(count + 1)}})
            if status not in (200, 201):
                return
            count += 1
            acknowledged[number] = (count, int(got["metadata"]["resourceVersion"]))
    except (OSError, ValueError, http.client.HTTPException):
        return


def main():
    if not os.access(RUN, os.X_OK):
        print("1..0 # SKIP no server program at %s: build the target apiserver_run" % RUN)
        return 77
    chance = random.Random(SEED)
    state = tempfile.mkdtemp(prefix="wb-crash.")
    port, acknowledged, newest, failures = 10000 + os.getpid() % 20000, {}, 0, []
    print("1..1\n# SEED=%d, %d rounds" % (SEED, ROUNDS))
    for number in range(ROUNDS):
        server, port = start(state, port)
        if not server:
            failures.append("round %d: the server does not start" % number)
            break
        try:
            status, listed = ask(port, "GET", MAPS)
            have = {i["metadata"]["name"]: i for i in listed["items"]}
            for writer, (count, version) in acknowledged.items():
                found = have.get("w%d" % writer)
                # one more may have been written without its answer having come
                if not found or int(found["data"]["n"]) not in (count, count + 1):
                    failures.append("round %d: writer %d was told %d, stored is %s" %
                                    (number, writer, count, found and found["data"]["n"]))
                else:
                    acknowledged[writer] = (int(found["data"]["n"]), version)
                newest = max(newest, version)
            if int(listed["metadata"]["resourceVersion"]) < newest:
                failures.append("round %d: versions went back" % number)
            writers = [threading.Thread(target=write, args=(port, w, acknowledged)) for w in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.01, 0.25))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        for writer in writers:
            writer.join()
        if failures:
            break
    shutil.rmtree(state)
    total = sum(count for count, _ in acknowledged.values())
    for failure in failures:
        print("#   " + failure)
    print("%s 1 - nothing acknowledged is lost # %d rounds, %d acknowledged writes" %
          ("not ok" if failures else "ok", number + 1, total))
    return 1 if failures or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
