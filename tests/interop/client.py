# SPDX-License-Identifier: AGPL-3.0-only
# A page over TLS 1.3 with a client certificate: client.py PORT CA CERT KEY
import socket
import ssl
import sys

port, ca, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(cert, key)
context.set_alpn_protocols(["http/1.1"])
with socket.create_connection(("127.0.0.1", int(port))) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as stream:
        assert stream.version() == "TLSv1.3" and stream.selected_alpn_protocol() == "http/1.1"
        stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while data := stream.recv(4096):  # ends with close_notify, or raises
            sys.stdout.write(data.decode())
