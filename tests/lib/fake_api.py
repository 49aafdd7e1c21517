# SPDX-License-Identifier: GPL-2.0-or-later
"""fake_api: an API server of the tests' own, on the loopback interface, which does what a real one does rarely.

It serves list (in pages) and watch (with bookmarks) of pods, namespaces, nodes and networkpolicies over HTTPS, with a CA
of its own. Objects are put and deleted by the test; each change is an event of the watches.

    with FakeApi() as api:
        api.put(pod("default", "a", "10.244.1.10"))
        api.faults.append(Status("pods", "list", 500, times=2))
        ... run the client with api.kubeconfig ...
        api.requests    every request: its resource, verb, parameters and headers

A fault is an object with take(request): True if it has answered the request, or changed how it will be answered. Faults
are asked in order, and one that is used up is skipped.
"""
import gzip
import http.server
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

# resource: (path, apiVersion, kind)
RESOURCES = {
    "pods": ("/api/v1/pods", "v1", "Pod"),
    "namespaces": ("/api/v1/namespaces", "v1", "Namespace"),
    "nodes": ("/api/v1/nodes", "v1", "Node"),
    "networkpolicies": ("/apis/networking.k8s.io/v1/networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
}
TOKEN = "the-first-token"
HTML = b"<html><head><title>Sign in</title></head><body>A proxy's page.</body></html>\n"
GONE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
        "message": "The resourceVersion for the provided watch is too old."}


# What kubectl asks first: which kinds there are
DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        {"name": r, "singularName": kind.lower(), "namespaced": r == "pods", "kind": kind, "verbs": ["get", "list", "watch"]}
        for r, (_, version, kind) in RESOURCES.items() if version == "v1"]},
}


def status(code, reason, message, **details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
            "message": message, **({"details": details} if details else {})}


def key_of(item):
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def make_certificate(folder, name, subject="fake-api", addresses=("127.0.0.1",)):
    """A CA, and a certificate of it: folder/NAME-ca.crt, NAME.crt, NAME.key."""
    ca, end = f"{folder}/{name}-ca", f"{folder}/{name}"

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-days", "2", "-subj", f"/CN={name}-ca")
    openssl("req", *new, "-keyout", f"{end}.key", "-out", f"{end}.csr", "-subj", f"/CN={subject}")
    with open(f"{end}.ext", "w") as f:
        f.write("subjectAltName=" + ",".join([f"DNS:{subject}"] + [f"IP:{a}" for a in addresses]))
    openssl("x509", "-req", "-in", f"{end}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{end}.ext", "-out", f"{end}.crt")
    return f"{ca}.crt", f"{end}.crt", f"{end}.key"


# ---- Requests ----
class Request:
    """One GET, and the ways to answer it. resource: a key of RESOURCES, or None."""

    def __init__(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        self.handler, self.api, self.path = handler, handler.server.api, url.path
        self.parameters = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.headers = dict(handler.headers)
        self.resource = next((r for r, (path, _, _) in RESOURCES.items() if path == url.path), None)
        self.verb = "watch" if self.parameters.get("watch") in ("1", "true") else "list"
        self.at = time.monotonic()
        # how it is answered, for faults to change
        self.events = None  # a watch: only these events, then the end
        self.delay_s = 0  # a list: between its bytes
        self.cut_at = None  # a list: so many bytes, then the connection is closed

    def __repr__(self):
        return f"{self.verb} {self.resource or self.path} {self.parameters}"

    def send(self, code, body, kind="application/json", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        is_packed = code == 200 and len(body) > 1024 and self.api.pages is None and "gzip" in self.headers.get("Accept-Encoding", "")
        if is_packed:
            body = gzip.compress(body, 1)
            self.api.n_packed += 1
        self.handler.send_response(code)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(body)))
        if is_packed:
            self.handler.send_header("Content-Encoding", "gzip")
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()
        self._write(body)

    def _write(self, body):
        if self.cut_at is not None:
            self.handler.wfile.write(body[:self.cut_at])
            self.handler.close_connection = True
        elif self.delay_s:
            for i in range(len(body)):
                self.handler.wfile.write(body[i:i + 1])
                self.handler.wfile.flush()
                time.sleep(self.delay_s)
        else:
            self.handler.wfile.write(body)

    def begin_stream(self):
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()

    def send_chunk(self, data):
        if isinstance(data, (dict, list)):
            data = json.dumps(data).encode() + b"\n"
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def end_stream(self):
        self.handler.wfile.write(b"0\r\n\r\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        request = Request(self)
        api = self.server.api
        with api.changed:
            api.requests.append(request)
            api.changed.notify_all()
        try:
            if not any(fault.is_for(request) and fault.take(request) for fault in list(api.faults)):
                api.answer(request)
        except OSError:  # the client has closed the connection
            self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request, client_address):
        pass  # a client that does not trust the certificate, or that has gone


class FakeApi:
    """items: {resource: {(namespace, name): object}}; events: {resource: [(version, type, object)]}."""

    def __init__(self, can_stream=False, bookmark_s=1.0):
        self.can_stream, self.bookmark_s = can_stream, bookmark_s
        self.changed = threading.Condition()
        self.items = {r: {} for r in RESOURCES}
        self.events = {r: [] for r in RESOURCES}
        self.snapshots, self.faults, self.requests = {}, [], []
        self.version, self.token, self.n_packed = 1000, TOKEN, 0
        self.connections, self.is_ended = set(), False
        self.pages = None  # {}: pages of lists are kept, and gzip is not used

    # ---- Lifetime ----
    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="netpol-fake-api-")
        self.dir = self.folder.name
        self.certificates = make_certificate(self.dir, "server")
        self.port = 0
        self.start()
        self.kubeconfig = self.write_kubeconfig()
        return self

    def start(self):
        """Listens, on the same port if it did before."""
        self.is_ended = False
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.api, self.port = self, self.server.server_port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificates[1:])
        context.set_alpn_protocols(["http/1.1"])
        self.context = context
        listen = self.server.get_request

        def get_request():
            connection, address = listen()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(60)
            # the handshake is made in the connection's own thread
            wrapped = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self.connections.add(wrapped)
            return wrapped, address

        self.server.get_request = get_request
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Ends, with all connections."""
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.cut()

    def end_faults(self):
        """Starts anew without faults: one that hangs ends with its connection."""
        self.stop()
        self.faults.clear()
        self.start()

    def cut(self):
        """Closes all connections."""
        for connection in list(self.connections):
            self.connections.discard(connection)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def use_certificate(self, certificates):
        """For new connections."""
        self.context.load_cert_chain(*certificates[1:])

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def write_kubeconfig(self, name="kubeconfig", **user):
        """user: as of a kubeconfig; by default a token."""
        path = f"{self.dir}/{name}"
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
                  "clusters": [{"name": "test", "cluster": {
                      "server": f"https://127.0.0.1:{self.port}", "certificate-authority": self.certificates[0]}}],
                  "users": [{"name": "user", "user": user or {"token": self.token}}],
                  "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}]}
        with open(path, "w") as f:
            json.dump(config, f)
        os.chmod(path, 0o600)
        return path

    # ---- Objects ----
    def _change(self, resource, kind, item):
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.events[resource].append((self.version, kind, item))

    def put(self, item):
        """Adds the object, or replaces the one of its name."""
        resource = next(r for r, (_, _, kind) in RESOURCES.items() if kind == item["kind"])
        item = json.loads(json.dumps(item))
        with self.changed:
            is_new = key_of(item) not in self.items[resource]
            self._change(resource, "ADDED" if is_new else "MODIFIED", item)
            self.items[resource][key_of(item)] = item
            self.changed.notify_all()
        return item

    def delete(self, resource, namespace, name):
        with self.changed:
            item = dict(self.items[resource].pop((namespace, name)))
            item["metadata"] = dict(item["metadata"])
            self._change(resource, "DELETED", item)
            self.changed.notify_all()

    def compact(self):
        """Forgets the history: who watches from before gets 410 Gone, and tokens of pages end."""
        with self.changed:
            self.events = {r: [] for r in RESOURCES}
            self.snapshots = {}
            self.version += 1
            self.oldest = self.version

    oldest = 0

    # ---- Answers ----
    def answer(self, request):
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return request.send(401, status(401, "Unauthorized", "Unauthorized"))
        if request.resource is None and request.path in DISCOVERY:
            return request.send(200, DISCOVERY[request.path])
        if request.resource is None:
            return request.send(404, status(404, "NotFound", "the server could not find the requested resource"))
        if request.verb == "list":
            return self.answer_list(request)
        return self.answer_watch(request)

    def answer_list(self, request):
        _, api_version, kind = RESOURCES[request.resource]
        limit = int(request.parameters.get("limit", 0)) or 10 ** 9
        with self.changed:
            token = request.parameters.get("continue")
            if token and token.split(":")[0] not in self.snapshots:
                return request.send(410, dict(GONE, message="The provided continue parameter is too old"))
            if token:
                name, start = token.split(":")[0], int(token.split(":")[1])
            else:
                name, start = f"{request.resource}-{self.version}", 0
                items = self.items[request.resource]
                self.snapshots[name] = (self.version, [items[k] for k in sorted(items)])
            version, items = self.snapshots[name]
        metadata = {"resourceVersion": str(version)}
        if start + limit < len(items):
            metadata["continue"] = f"{name}:{start + limit}"
            metadata["remainingItemCount"] = len(items) - start - limit
        page = {"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata, "items": items[start:start + limit]}
        if self.pages is not None:  # made once, so that a benchmark does not measure this server
            key = name, start, limit
            if key not in self.pages:
                self.pages[key] = json.dumps(page).encode()
            page = self.pages[key]
        request.send(200, page)
        return None

    def _bookmark(self, resource, version, **annotations):
        _, api_version, kind = RESOURCES[resource]
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return {"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": api_version, "metadata": metadata}}

    @staticmethod
    def _event(kind, item, resource):
        _, api_version, name = RESOURCES[resource]
        return {"type": kind, "object": {"kind": name, "apiVersion": api_version, **item}}

    def answer_watch(self, request):
        wants_initial = request.parameters.get("sendInitialEvents") == "true"
        if wants_initial and not self.can_stream:
            return request.send(422, status(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is "
                                            "forbidden for watch unless the WatchList feature gate is enabled"))
        at = int(request.parameters.get("resourceVersion") or 0)
        request.begin_stream()
        if wants_initial:
            with self.changed:
                at, items = self.version, list(self.items[request.resource].values())
            for item in items:
                request.send_chunk(self._event("ADDED", item, request.resource))
            request.send_chunk(self._bookmark(request.resource, at, end=True))
        elif at < self.oldest:
            request.send_chunk({"type": "ERROR", "object": GONE})
            return request.end_stream()
        if request.events is not None:
            for event in request.events:
                request.send_chunk(event)
            return request.end_stream()
        self._follow(request, at)
        return None

    def _follow(self, request, at):
        end = time.monotonic() + float(request.parameters.get("timeoutSeconds") or 300)
        bookmark = time.monotonic() + self.bookmark_s
        while time.monotonic() < end:
            with self.changed:
                events = self._events_after(request.resource, at)
                if not events and not self.is_ended:
                    self.changed.wait(max(0.001, min(end, bookmark) - time.monotonic()))
                    events = self._events_after(request.resource, at)
                version, is_ended = self.version, self.is_ended
            if is_ended:
                return
            for at_event, kind, item in events:
                request.send_chunk(self._event(kind, item, request.resource))
                at = at_event
            if time.monotonic() >= bookmark:
                # as a real one: after a backup was restored, one that is lower than where the client began
                request.send_chunk(self._bookmark(request.resource, version))
                at = version if version > at else at
                bookmark = time.monotonic() + self.bookmark_s
        request.end_stream()

    def _events_after(self, resource, at):
        events, new = self.events[resource], []
        for event in reversed(events):
            if event[0] <= at:
                break
            new.append(event)
        return new[::-1]

    # ---- What the client did ----
    def asked(self, resource, verb, **parameters):
        """The requests of this resource and verb, with these parameters."""
        with self.changed:
            return [r for r in self.requests if (r.resource, r.verb) == (resource, verb) and
                    all(r.parameters.get(k) == v for k, v in parameters.items())]


# ---- Faults ----
class Fault:
    """For requests of a resource (None: any) and verb (None: any), so many times."""

    def __init__(self, resource=None, verb=None, times=1):
        self.resource, self.verb, self.times = resource, verb, times
        self.lock = threading.Lock()
        self.n_taken = 0

    def is_for(self, request):
        if self.resource not in (None, request.resource) or self.verb not in (None, request.verb):
            return False
        if not self.matches(request):
            return False
        with self.lock:
            if self.n_taken >= self.times:
                return False
            self.n_taken += 1
            return True

    def matches(self, request):
        return True

    def take(self, request):
        raise NotImplementedError


class Refuse(Fault):
    """An answer that is no success. headers: with _ for -."""

    def __init__(self, resource, verb, code, reason="", message="", headers=None, **more):
        super().__init__(resource, verb, **more)
        self.body, self.code, self.headers = status(code, reason, message or reason), code, headers or {}

    def take(self, request):
        request.send(self.code, self.body, **self.headers)
        return True


class PageGone(Fault):
    """410 Expired for the second page of a list."""

    def matches(self, request):
        return "continue" in request.parameters

    def take(self, request):
        request.send(410, dict(GONE, message="The provided continue parameter is too old"))
        return True


class Page(Fault):
    """What a proxy in between says: HTML, with status 200."""

    def take(self, request):
        request.send(200, HTML, "text/html")
        return True


class Cut(Fault):
    """The connection is closed in the middle of a page."""

    def __init__(self, *arguments, bytes=300, **more):
        super().__init__(*arguments, **more)
        self.bytes = bytes

    def take(self, request):
        request.cut_at = self.bytes
        return False


class Truncated(Fault):
    """A list whose JSON ends early, although the answer is whole."""

    def take(self, request):
        _, api_version, kind = RESOURCES[request.resource]
        text = json.dumps({"kind": f"{kind}List", "apiVersion": api_version,
                           "metadata": {"resourceVersion": str(request.api.version)}, "items": [{"metadata": {}}]})
        request.send(200, text[:-4].encode())
        return True


class Slow(Fault):
    """A byte at a time."""

    def __init__(self, *arguments, delay_s=0.0005, **more):
        super().__init__(*arguments, **more)
        self.delay_s = delay_s

    def take(self, request):
        request.delay_s = self.delay_s
        return False


class Hang(Fault):
    """A watch that sends nothing, neither events nor bookmarks, while its connection stays."""

    def take(self, request):
        if request.verb == "watch":
            request.begin_stream()
        while not request.api.is_ended:
            with request.api.changed:
                request.api.changed.wait(1)
        return True


class Endless(Fault):
    """A list without end: each page names another one."""

    def take(self, request):
        _, api_version, kind = RESOURCES[request.resource]
        items = list(request.api.items[request.resource].values())[:1]
        request.send(200, {"kind": f"{kind}List", "apiVersion": api_version, "items": items, "metadata": {
            "resourceVersion": str(request.api.version), "continue": "and-so-on"}})
        return True


class Future(Fault):
    """What a real server does after etcd was restored from a backup: a watch from a version that it does not have yet
    has neither events nor bookmarks. It ends sooner than a real one."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, times=1000, **more)

    def matches(self, request):
        return int(request.parameters.get("resourceVersion") or 0) > request.api.version

    def take(self, request):
        request.begin_stream()
        time.sleep(0.1)
        request.end_stream()
        return True


class Events(Fault):
    """A watch that sends these events, and then ends."""

    def __init__(self, resource, make, **more):
        super().__init__(resource, "watch", **more)
        self.make = make

    def matches(self, request):
        return "sendInitialEvents" not in request.parameters

    def take(self, request):
        request.events = self.make(request.api)
        return False
