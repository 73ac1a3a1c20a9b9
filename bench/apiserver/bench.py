#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-only
"""Figures of the embedded API server over plain HTTP on loopback; run.sh starts it. The client is Python and shares the
machine, so requests a second are what the client manages; requests per CPU second of the server are the server's own."""
import http.client
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

RUN, DEVICES, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
BASE = "/apis/wasmbed.github.io/v1/namespaces/wasmbed/devices"
PORT = 10000 + os.getpid() % 20000


def cpu_s(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    return next(int(line.split()[1]) for line in open("/proc/%d/status" % pid) if line.startswith("VmRSS")) / 1024


def ask(link, method, path, body=None, kind="application/merge-patch+json"):
    link.request(method, path, body, {"Content-Type": kind} if body else {})
    answer = link.getresponse()
    data = answer.read()
    assert answer.status < 300, (answer.status, data[:200])
    return data


def load(pid, clients, method):
    times, lock, end = [], threading.Lock(), time.monotonic() + SECONDS

    def run(number):
        link, mine, turn = http.client.HTTPConnection("127.0.0.1", PORT), [], 0
        while time.monotonic() < end:
            turn += 1
            path = "%s/d%d" % (BASE, (number * 37 + turn) % DEVICES)
            before = time.monotonic()
            if method == "GET":
                ask(link, "GET", path)
            else:
                ask(link, "PATCH", path + "/status", '{"status":{"lastSeen":"2026-01-01T%02d:%02d:%02dZ"}}' %
                    (number % 24, turn // 60 % 60, turn % 60))
            mine.append(time.monotonic() - before)
        with lock:
            times.extend(mine)

    cpu, begin = cpu_s(pid), time.monotonic()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(clients)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    times.sort()
    used = max(cpu_s(pid) - cpu, 0.01)
    print("%-13s %4d clients: %7.0f/s, p99 %7.2f ms, %7.0f per CPU second of the server" %
          (method if method == "GET" else "PATCH /status", clients, len(times) / (time.monotonic() - begin),
           times[int(len(times) * 0.99)] * 1000, len(times) / used))


def watches(count):
    socks = []
    first = json.loads(ask(http.client.HTTPConnection("127.0.0.1", PORT), "GET", BASE + "?limit=1"))
    version = first["metadata"]["resourceVersion"]
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", PORT))
        s.sendall(("GET %s?watch=1&resourceVersion=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (BASE, version)).encode())
        socks.append(s)
    poll = select.epoll()
    names = {s.fileno(): s for s in socks}
    for s in socks:
        while b"\r\n\r\n" not in s.recv(65536):
            pass
        poll.register(s, select.EPOLLIN)
    link, delays = http.client.HTTPConnection("127.0.0.1", PORT), []
    for turn in range(5):
        begin, waiting = time.monotonic(), set(names)
        ask(link, "PATCH", BASE + "/d1", '{"metadata":{"labels":{"t":"%d"}}}' % turn)
        while waiting:
            for fd, _ in poll.poll(10):
                names[fd].recv(65536)
                if fd in waiting:
                    waiting.discard(fd)
                    delays.append(time.monotonic() - begin)
    delays.sort()
    print("%d watches: a change is with all, p99 %.1f ms" % (count, delays[int(len(delays) * 0.99)] * 1000))


def main():
    with tempfile.TemporaryDirectory(prefix="wb-bench.") as state:
        for turn in ("empty", "full"):
            begin = time.monotonic()
            server = subprocess.Popen([RUN, state, str(PORT), "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            server.stdout.readline()
            print("start to ready, %s: %.0f ms" % (turn, (time.monotonic() - begin) * 1000))
            link = http.client.HTTPConnection("127.0.0.1", PORT)
            if turn == "empty":
                for n in range(DEVICES):
                    ask(link, "POST", BASE, json.dumps({
                        "apiVersion": "wasmbed.github.io/v1", "kind": "Device", "metadata": {"name": "d%d" % n},
                        "spec": {"deviceId": "d%d" % n, "deviceType": "posix"}}), "application/json")
                server.terminate()
                server.wait()
        print("resident with %d devices: %.1f MB" % (DEVICES, rss_mb(server.pid)))
        for method in ("GET", "PATCH"):
            for clients in (1, 16, 256):
                load(server.pid, clients, method)
        watches(1000)
        cpu, begin = cpu_s(server.pid), time.monotonic()
        data = ask(http.client.HTTPConnection("127.0.0.1", PORT), "GET", BASE)
        print("list of %d: %.1f MB in %.0f ms, %.0f ms of the server's CPU; resident then %.1f MB" %
              (DEVICES, len(data) / 1e6, (time.monotonic() - begin) * 1000, (cpu_s(server.pid) - cpu) * 1000,
               rss_mb(server.pid)))
        server.terminate()
        server.wait()


main()
