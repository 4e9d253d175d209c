"""A program that is started as TensorFlow Serving is, answers for the tests' model, and misbehaves as STANDIN says.

STANDIN: "", "mute" (never ready), "ends" (at once), "dies N" (in the middle of request N), "slow S" (seconds before an answer,
one at a time), "hangs N" (from request N on), "wrong N" (answers request N wrongly), "error N" (refuses request N).
"""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FLAGS = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
HOW, _, NUMBER = os.environ.get("STANDIN", "").partition(" ")
NUMBER = float(NUMBER or 0)
ONE_AT_A_TIME = threading.Lock()
SEEN = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.answer(200, {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]})

    def do_POST(self):
        inputs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        with ONE_AT_A_TIME:
            number = next(SEEN)
            if HOW == "dies" and number == NUMBER:
                os.kill(os.getpid(), signal.SIGKILL)
            if HOW == "hangs" and number >= NUMBER:
                time.sleep(600)
            if HOW == "slow":
                time.sleep(NUMBER)
        if HOW == "error" and number == NUMBER:
            self.answer(503, {"error": "the queue is full"})
            return
        scores = [
            [1 / (1 + math.exp(-((0.0 if math.isnan(d) else d) * 0.8 + (c == "AA"))))]
            for d, c in zip(inputs["distance"], inputs["carrier"], strict=True)
        ]
        if HOW == "wrong" and number == NUMBER:
            scores[-1][0] *= 1.0001
        self.answer(200, {"outputs": {"probabilities": scores, "classes": [["no", "yes"]] * len(scores)}})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


assert (Path(FLAGS["model_base_path"]) / "1" / "saved_model.pb").is_file()
print("Building single TensorFlow model file config", flush=True)
if HOW == "ends":
    sys.exit("Failed to start server. Error: Unknown: 1 servable(s) did not become available.")
if HOW == "mute":
    time.sleep(600)
ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", int(FLAGS["rest_api_port"])), Handler).serve_forever()
