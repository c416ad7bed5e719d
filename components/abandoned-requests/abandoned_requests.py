"""Stops the work of the WebUI's API for clients that have gone away.

An extension of the AUTOMATIC1111 WebUI (its scripts/ folder), why: docs/decisions/0016-abandoned-requests.md.
It watches the requests that draw (PATHS) and, when the client of one closes its connection,

- interrupts the drawing, as the WebUI's own interrupt does, if it is that request that is drawn;
- does not let it draw at all, if it still waits for its turn.

It never interrupts the drawing of another request: whose turn it is and who is interrupted are decided
under one lock, between taking and giving back the WebUI's queue lock.

It says on standard output what it does, and so does it if it does not know this WebUI and does nothing.
"""

import asyncio
import contextvars
import threading

from fastapi import HTTPException
from modules import script_callbacks, shared
from starlette.middleware import Middleware

# The requests that draw. Others that hold the queue lock (upscaling, training) do not obey an interrupt.
PATHS = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")

# Seconds between two interrupts of the same drawing. One is not enough: the WebUI forgets it when a drawing
# begins after its turn has (the model is loaded in between), and at any event of its page.
INTERRUPT_PERIOD = 0.1

# What nginx logs for a client that closed its request. Nobody gets it.
CLIENT_CLOSED_REQUEST = 499


class Request:
    """A request whose client is watched."""

    def __init__(self):
        self.abandoned = False


# The request for which the code runs; also in the thread that draws, which inherits the context.
current_request = contextvars.ContextVar("current_request", default=None)


class QueueLock:
    """The WebUI's queue lock for one drawing at a time, which also knows whose turn it is.

    lock: the lock itself, which the page goes on using.
    """

    def __init__(self, lock):
        self._lock = lock
        self._guard = threading.Lock()
        self._turn = None

    def __enter__(self):
        request = current_request.get()
        self._lock.acquire()
        with self._guard:
            if request is None or not request.abandoned:
                self._turn = request
                return self
        self._lock.release()
        say("did not draw for a client that went away while it waited")
        raise HTTPException(CLIENT_CLOSED_REQUEST, "the client went away")

    def __exit__(self, *_):
        with self._guard:
            if self._turn is not None and self._turn.abandoned:
                # Before the next one has its turn: old versions of the WebUI begin a job before they wait for
                # the lock, and would not reset it any more.
                shared.state.interrupted = False
            self._turn = None
        self._lock.release()

    def abandon(self, request):
        """Notes that the client has gone; from now on the request does not get a turn."""
        with self._guard:
            request.abandoned = True

    def interrupt(self, request):
        """Interrupts what is drawn, if it is this request's turn. Whether it was so, and not interrupted yet."""
        with self._guard:
            if self._turn is not request or shared.state.interrupted:
                return False
            shared.state.interrupt()
            return True


class AbandonedRequests:
    """ASGI middleware that notices when the client of a request that draws goes away.

    The handlers are plain functions in threads, so nobody else waits for `http.disconnect`.
    """

    def __init__(self, app, lock):
        self._app = app
        self._lock = lock

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return

        request = Request()
        gone = asyncio.Event()
        watch = None

        async def read():
            # The body goes through untouched. Behind it comes nothing but the disconnect, which has one reader.
            nonlocal watch
            if watch is not None:
                await gone.wait()
                return {"type": "http.disconnect"}
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                watch = asyncio.ensure_future(self._watch(request, receive, gone))
            return message

        token = current_request.set(request)
        try:
            await self._app(scope, read, send)
        finally:
            current_request.reset(token)
            if watch is not None:
                watch.cancel()

    async def _watch(self, request, receive, gone):
        while (await receive())["type"] != "http.disconnect":
            pass
        self._lock.abandon(request)
        gone.set()
        said = False
        while True:
            if self._lock.interrupt(request) and not said:
                say("interrupted a drawing whose client went away")
                said = True
            await asyncio.sleep(INTERRUPT_PERIOD)


def install(_page, app):
    """Puts the watch before everything else of the app, and the queue lock that knows turns into the API."""
    handlers = [route.endpoint for route in app.routes if getattr(route, "path", None) in PATHS]
    api = getattr(handlers[0], "__self__", None) if handlers else None
    if not hasattr(api, "queue_lock"):
        say("nothing is watched: this WebUI has no API, or none that is known")
        return
    api.queue_lock = lock = QueueLock(api.queue_lock)
    # add_middleware refuses once the app has answered a request, such as a readiness probe.
    app.user_middleware.insert(0, Middleware(AbandonedRequests, lock=lock))
    app.middleware_stack = app.build_middleware_stack()
    say("watching " + ", ".join(PATHS))


def say(what):
    print(f"abandoned requests: {what}", flush=True)


script_callbacks.on_app_started(install)
