"""Tests of the extension with the FastAPI, Starlette and uvicorn that the WebUI runs on: `npm run test:extension`."""

import asyncio
import base64
import http.client
import json
import random
import socket
import threading
import unittest

from webui_stand_in import PATIENCE, Api, WebUI, wait_until

CREDENTIALS = "Authorization: Basic " + base64.b64encode(b"user:password").decode() + "\r\n"


class Client:
    """A client on a connection of its own."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.has_left = False

    def send(self, prompt, path="/sdapi/v1/txt2img", credentials=CREDENTIALS, padding="", chunk=None):
        body = json.dumps({"prompt": prompt, "padding": padding}).encode()
        framing = "Transfer-Encoding: chunked" if chunk else f"Content-Length: {len(body)}"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{credentials}Content-Type: application/json\r\n{framing}\r\n\r\n"
        self._socket.sendall(head.encode())
        if chunk:
            for at in range(0, len(body), chunk):
                part = body[at : at + chunk]
                self._socket.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            body = b"0\r\n\r\n"
        self._socket.sendall(body)
        return self

    def answer(self):
        """Status and body of the answer."""
        response = http.client.HTTPResponse(self._socket)
        response.begin()
        return response.status, response.read()

    def leave(self):
        self.has_left = True
        self._socket.close()


class Case(unittest.TestCase):
    webui_options = {}

    def setUp(self):
        self.webui = WebUI(**self.webui_options)
        self.extension = self.webui.load_extension()
        self.port = self.webui.serve()
        self.addCleanup(self.webui.stop)
        self.clients = []
        self.addCleanup(lambda: [client.leave() for client in self.clients])

    def client(self):
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def draws(self, prompt, **request):
        """A client whose request has its turn and is being drawn."""
        client = self.client().send(prompt, **request)
        self.happens(self.webui.drawing(prompt).began)
        return client

    def waits(self, prompt, **request):
        """A client whose request waits for the lock."""
        client = self.client().send(prompt, **request)
        self.happens(self.webui.drawing(prompt).waits)
        return client

    def happens(self, event):
        self.assertTrue(event.wait(PATIENCE), "waited in vain")

    def is_finished(self, prompt, outcome):
        """The drawing, which nobody waits for any more, has come to this end."""
        drawing = self.webui.drawing(prompt)
        if outcome == "drawn":
            self.assertFalse(self.webui.state.interrupted)
            drawing.may_end.set()
        self.happens(drawing.over)
        self.assertEqual(drawing.outcome, outcome)

    def is_drawn(self, prompt, client):
        """The drawing has gone on until it was allowed to end, and its client gets it."""
        drawing = self.webui.drawing(prompt)
        drawing.may_end.set()
        status, body = client.answer()
        self.assertEqual((status, drawing.outcome), (200, "drawn"))
        return json.loads(body)


class TestRequests(Case):
    def test_a_drawing_whose_client_leaves_is_interrupted(self):
        for path in ("/sdapi/v1/txt2img", "/sdapi/v1/img2img"):
            self.draws(path, path=path).leave()
            self.is_finished(path, "interrupted")
        self.assertEqual(self.webui.log[1:], ["interrupted a drawing whose client went away"] * 2)

    def test_a_watch_ends_with_its_request(self):
        self.draws("left").leave()
        self.is_finished("left", "interrupted")
        self.is_drawn("answered", self.draws("answered"))
        wait_until(lambda: not any("_watch" in repr(task) for task in asyncio.all_tasks(self.webui.loop)))

    def test_the_next_request_is_drawn_to_its_end(self):
        first = self.draws("first")
        second = self.waits("second")
        first.leave()
        self.happens(self.webui.drawing("second").began)
        self.assertEqual(self.webui.drawing("first").outcome, "interrupted")
        self.is_drawn("second", second)

    def test_a_request_whose_client_leaves_while_it_waits_is_not_drawn(self):
        first = self.draws("first")
        second = self.waits("second")
        third = self.waits("third")
        second.leave()
        # The watch has seen it, and has left alone what is drawn.
        self.has_noticed("second")
        self.assertFalse(self.webui.state.interrupted)
        self.is_drawn("first", first)
        self.is_drawn("third", third)
        self.happens(self.webui.drawing("second").over)
        self.assertFalse(self.webui.drawing("second").has_turn.is_set())
        self.assertEqual(self.webui.log[1:], ["did not draw for a client that went away while it waited"])

    def test_an_interrupt_that_comes_before_the_job_begins_is_not_lost(self):
        drawing = self.webui.drawing("dog")
        drawing.model_is_loaded.clear()
        client = self.client().send("dog")
        self.happens(drawing.has_turn)
        client.leave()
        wait_until(lambda: self.webui.state.interrupted)
        drawing.model_is_loaded.set()  # The job begins and resets `interrupted`.
        self.is_finished("dog", "interrupted")

    def test_a_drawing_of_the_page_is_left_alone(self):
        with self.webui.queue_lock:  # The page takes the lock itself.
            client = self.waits("dog")
            client.leave()
            self.has_noticed("dog")
            self.assertFalse(self.webui.state.interrupted)
        self.happens(self.webui.drawing("dog").over)
        self.assertIsNone(self.webui.drawing("dog").outcome)

    def test_requests_that_do_not_draw_are_not_watched(self):
        self.draws("upscaled", path="/sdapi/v1/extra-single-image").leave()
        self.has_noticed_who_left()
        self.is_finished("upscaled", "drawn")

    def test_a_body_in_many_pieces_comes_through(self):
        for chunk in (None, 1000):
            padding = "x" * 300_000
            prompt = f"chunk {chunk}"
            answer = self.is_drawn(prompt, self.draws(prompt, padding=padding, chunk=chunk))
            self.assertEqual(answer, {"images": [prompt * 2000], "info": "300000"})

    def test_requests_follow_each_other_on_one_connection(self):
        client = self.client()
        for prompt in ("one", "two"):
            client.send(prompt)
            self.is_drawn(prompt, client)

    def test_a_client_that_leaves_after_its_answer_stops_nobody(self):
        first = self.draws("first")
        self.is_drawn("first", first)
        second = self.draws("second")
        first.leave()
        self.has_noticed_who_left()
        self.is_drawn("second", second)
        self.assertEqual(self.webui.log[1:], [])

    def test_credentials_are_still_asked_for(self):
        status, _ = self.client().send("dog", credentials="").answer()
        self.assertEqual(status, 401)
        self.is_drawn("cat", self.draws("cat"))

    def has_noticed(self, prompt):
        """The watch knows that the client of a waiting request has left."""
        wait_until(lambda: self.webui.drawing(prompt).context[self.extension.current_request].abandoned)

    def has_noticed_who_left(self):
        """The server knows of all connections that were closed, and has done what follows from that."""
        remaining = sum(not client.has_left for client in self.clients)
        wait_until(lambda: self.webui.connections() == remaining)
        self.client().send("", credentials="").answer()


class TestRaces(Case):
    def test_nobody_is_interrupted_for_another(self):
        """The client leaves at about the moment at which its drawing ends and the next one begins."""
        chance = random.Random(7)
        for index in range(150):
            gone, next_one = f"gone {index}", f"next {index}"
            leaving = self.draws(gone)
            staying = self.waits(next_one)
            end = threading.Thread(target=self.webui.drawing(gone).may_end.set)
            first, second = (end.start, leaving.leave) if chance.random() < 0.5 else (leaving.leave, end.start)
            first()
            second()
            self.happens(self.webui.drawing(next_one).began)
            end.join()
            self.is_drawn(next_one, staying)
            self.happens(self.webui.drawing(gone).over)
            staying.leave()

    def test_many_clients_that_come_and_leave_by_chance(self):
        chance = random.Random(11)
        for index in range(20):
            prompts = [f"{index}.{number}" for number in range(8)]
            leaves = {prompt: chance.random() < 0.5 for prompt in prompts}
            clients = {prompt: self.client().send(prompt) for prompt in prompts}
            for prompt in chance.sample(prompts, len(prompts)):
                if leaves[prompt]:
                    clients[prompt].leave()
            for prompt in prompts:
                if not leaves[prompt]:
                    self.webui.drawing(prompt).may_end.set()
            for prompt in prompts:
                if not leaves[prompt]:
                    self.is_drawn(prompt, clients[prompt])
            # Those that left end without being allowed to.
            for prompt in filter(leaves.get, prompts):
                drawing = self.webui.drawing(prompt)
                if drawing.waits.is_set():
                    self.happens(drawing.over)
                    self.assertIn(drawing.outcome, (None, "interrupted"))


class TestJobsThatBeginBeforeTheirTurn(TestRaces):
    """Early versions of the WebUI."""

    webui_options = {"begins_early": True}

    def test_what_interrupted_a_drawing_does_not_reach_the_next(self):
        first = self.draws("first")
        second = self.waits("second")
        first.leave()
        self.is_drawn("second", second)
        self.assertEqual(self.webui.drawing("first").outcome, "interrupted")


class TestInstallation(unittest.TestCase):
    def serve(self, webui):
        port = webui.serve()
        self.addCleanup(webui.stop)
        return port

    def client(self, port):
        client = Client(port)
        self.addCleanup(client.leave)
        return client

    def test_an_app_that_has_answered_already_is_watched_too(self):
        webui = WebUI()
        port = self.serve(webui)
        self.assertEqual(self.client(port).send("", credentials="").answer()[0], 401)
        webui.load_extension()
        self.assertEqual(webui.log, ["watching /sdapi/v1/txt2img, /sdapi/v1/img2img"])
        client = self.client(port).send("dog")
        self.assertTrue(webui.drawing("dog").began.wait(PATIENCE))
        client.leave()
        self.assertTrue(webui.drawing("dog").over.wait(PATIENCE))
        self.assertEqual(webui.drawing("dog").outcome, "interrupted")

    def test_the_queue_lock_stays_the_one_of_the_page(self):
        webui = WebUI()
        webui.load_extension()
        port = self.serve(webui)
        client = self.client(port).send("dog")
        self.assertTrue(webui.drawing("dog").began.wait(PATIENCE))
        self.assertTrue(webui.queue_lock.locked())
        webui.drawing("dog").may_end.set()
        self.assertEqual(client.answer()[0], 200)
        wait_until(lambda: not webui.queue_lock.locked())

    def test_a_webui_that_is_not_known_is_left_as_it_is(self):
        class OtherApi(Api):
            def __init__(self, webui):
                super().__init__(webui)
                self.other_lock = self.queue_lock
                del self.queue_lock

            def text2imgapi(self, order):
                return self.webui.draw(order, self.other_lock)

        for options in ({"api_class": OtherApi}, {"api_class": lambda webui: None}):
            webui = WebUI(**options)
            before = list(webui.app.user_middleware)
            webui.load_extension()
            self.assertEqual(webui.log, ["nothing is watched: this WebUI has no API, or none that is known"])
            self.assertEqual(webui.app.user_middleware, before)


if __name__ == "__main__":
    unittest.main()
