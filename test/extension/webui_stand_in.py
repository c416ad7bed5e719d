"""A stand-in of the WebUI for the extension's tests: everything that the extension touches, in the same shape.

The app, its middleware, its plain handlers in threads, the one queue lock and the state are made as modules/api/api.py,
modules/shared_state.py and webui.py of the versions 1.6 to 1.10 make them, on the real FastAPI and uvicorn. Drawing is a
loop that looks at `interrupted` as the sampling loop does, and goes on until the test lets it end. It does not cover
Gradio, PyTorch, and what the WebUI does with a drawing that was interrupted.
"""

import asyncio
import contextvars
import importlib.util
import pathlib
import sys
import threading
import time
import types

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

EXTENSION = pathlib.Path(__file__).parents[2] / "components/abandoned-requests/abandoned_requests.py"

# Longest that anything may take that a test waits for; only a failing test takes that long.
PATIENCE = 20


class State:
    """Of modules/shared_state.py: what concerns interrupts. The extension is given nothing else."""

    interrupted = False

    def interrupt(self):
        self.interrupted = True

    def begin(self):
        self.interrupted = False

    def end(self):
        pass


class Order(BaseModel):
    prompt: str = ""
    padding: str = ""


class Drawing:
    """What became of one prompt, and the means to hold it up."""

    def __init__(self):
        self.waits = threading.Event()
        self.has_turn = threading.Event()
        self.model_is_loaded = threading.Event()
        self.model_is_loaded.set()
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.over = threading.Event()
        self.outcome = None
        self.context = None


class WebUI:
    """The app and a server of it. begins_early: a job begins before it waits for the lock, as in early versions."""

    def __init__(self, begins_early=False, api_class=None):
        self.begins_early = begins_early
        self.queue_lock = threading.Lock()
        self.state = State()
        self.drawings = {}
        self.log = []
        self.app = FastAPI()
        self.app.add_middleware(GZipMiddleware, minimum_size=1000)
        (api_class or Api)(self)
        self._server = None

    def drawing(self, prompt):
        return self.drawings.setdefault(prompt, Drawing())

    def load_extension(self):
        """Runs the extension's file with the WebUI's modules in place, and its callback for the app's start."""
        modules = types.ModuleType("modules")
        modules.shared = types.SimpleNamespace(state=self.state)
        started = []
        modules.script_callbacks = types.SimpleNamespace(on_app_started=started.append)
        sys.modules["modules"] = modules
        spec = importlib.util.spec_from_file_location("abandoned_requests", EXTENSION)
        extension = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(extension)
        extension.say = self.log.append
        for callback in started:
            callback(None, self.app)
        return extension

    def serve(self):
        """Starts the server in a thread, as Gradio does. Returns its port."""
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_level="warning")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self._server.servers[0].sockets[0].getsockname()[1]

    def connections(self):
        """Connections that the server holds open."""
        return len(self._server.server_state.connections)

    def stop(self):
        for drawing in self.drawings.values():
            drawing.model_is_loaded.set()
            drawing.may_end.set()
        self._server.should_exit = True
        self._thread.join()

    def draw(self, order, lock):
        drawing = self.drawing(order.prompt)
        drawing.context = contextvars.copy_context()
        try:
            if self.begins_early:
                self.state.begin()
            drawing.waits.set()
            with lock:
                drawing.has_turn.set()
                drawing.model_is_loaded.wait()
                if not self.begins_early:
                    self.state.begin()
                drawing.began.set()
                while not self.state.interrupted and not drawing.may_end.is_set():
                    time.sleep(0.001)
                drawing.outcome = "interrupted" if self.state.interrupted else "drawn"
                self.state.end()
        finally:
            drawing.over.set()
        return {"images": [order.prompt * 2000], "info": str(len(order.padding))}


class Api:
    """Of modules/api/api.py."""

    def __init__(self, webui):
        self.webui = webui
        self.queue_lock = webui.queue_lock

        @webui.app.middleware("http")
        async def log_and_time(request, call_next):
            webui.loop = asyncio.get_running_loop()
            return await call_next(request)

        @webui.app.middleware("http")
        async def exception_handling(request, call_next):
            return await call_next(request)

        for path, handler, methods in (
            ("/sdapi/v1/txt2img", self.text2imgapi, ["POST"]),
            ("/sdapi/v1/img2img", self.img2imgapi, ["POST"]),
            ("/sdapi/v1/extra-single-image", self.extras_single_image_api, ["POST"]),
            ("/sdapi/v1/options", self.get_config, ["GET"]),
        ):
            webui.app.add_api_route(path, handler, methods=methods, dependencies=[Depends(self.auth)])

    def auth(self, credentials: HTTPBasicCredentials = Depends(HTTPBasic())):
        if (credentials.username, credentials.password) != ("user", "password"):
            raise HTTPException(status_code=401, detail="Incorrect username or password")

    def text2imgapi(self, order: Order):
        return self.webui.draw(order, self.queue_lock)

    def img2imgapi(self, order: Order):
        return self.webui.draw(order, self.queue_lock)

    def extras_single_image_api(self, order: Order):
        return self.webui.draw(order, self.queue_lock)

    def get_config(self):
        return {}


def wait_until(condition):
    """Waits until the condition holds, and fails when it does not in PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.001)
