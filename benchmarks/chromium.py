"""Debian's Chromium without a window, driven by the DevTools protocol over a pipe."""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

import cv2

from landmark.script.errors import InputError

_NAMES = "chromium", "chromium-browser", "google-chrome"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--hide-scrollbars", "--mute-audio"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
_END = b"\0"  # Of a message.


def find_browser():
    """Returns the path of Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def write_clip(path, frames, rate=30):
    """Writes frames, (H, W, 3) uint8 RGB of even sides, as Chromium's camera (.y4m)."""
    with open(path, "wb") as file:
        for index, frame in enumerate(frames):
            if not index:
                height, width = frame.shape[:2]
                file.write(b"YUV4MPEG2 W%d H%d F%d:1 C420\n" % (width, height, rate))
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + planes.tobytes())


class Chromium:
    """A browser with one page, whose camera is a clip.

    Args:
        clip: path of a .y4m, see `write_clip`; None = Chromium's own pattern.
        seconds: for which an answer is waited for.
        flags: more of Chromium's.

    Raises:
        InputError: Chromium is missing.
    """

    def __init__(self, clip=None, seconds=60, flags=()):
        browser = find_browser()
        if not browser:
            raise InputError("expected Chromium, found none; apt-get install chromium")
        self._seconds = seconds
        self._profile = tempfile.mkdtemp()
        command = [browser, *_FLAGS, *flags, f"--user-data-dir={self._profile}"]
        if clip:
            command.append(f"--use-file-for-fake-video-capture={clip}")
        command += ["--remote-debugging-pipe", "about:blank"]
        asked, self._to = os.pipe()
        self._from, told = os.pipe()
        # It reads what is asked at 3, and tells at 4.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{asked} 4>&{told}', "bash", *command],
            pass_fds=(asked, told),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(asked)
        os.close(told)
        self._numbers, self._waiting = itertools.count(1), b""
        self.events = []
        self._session = None
        (target, *_) = (
            found
            for found in self.call("Target.getTargets")["targetInfos"]
            if found["type"] == "page"
        )
        self._session = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the browser."""
        with contextlib.suppress(OSError):
            self.call("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method, **parameters):
        """Calls a method of the protocol and returns its result.

        What the browser tells meanwhile is added to `events`.
        """
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + _END)
        deadline = time.monotonic() + self._seconds
        while True:
            answer = self._read(deadline, method)
            if answer.get("id") != number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def _read(self, deadline, method):
        while _END not in self._waiting:
            left = max(0, deadline - time.monotonic())
            if not select.select([self._from], [], [], left)[0]:
                raise TimeoutError(f"{method}: no answer in {self._seconds} s")
            content = os.read(self._from, 1 << 20)
            if not content:
                raise BrokenPipeError(f"{method}: the browser has ended")
            self._waiting += content
        message, _, self._waiting = self._waiting.partition(_END)
        return json.loads(message)

    def run(self, script):
        """Returns what a JavaScript expression is, or its promise comes to."""
        told = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            failure = told["exceptionDetails"]
            text = failure.get("exception", {}).get("description", failure["text"])
            raise RuntimeError(text)
        return told["result"].get("value")

    def open(self, url):
        """Goes to an address."""
        self.call("Page.navigate", url=url)

    def wait_for(self, script):
        """Waits until an expression is true, and returns what it is."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):  # The page may not be there yet.
                if found := self.run(script):
                    return found
            time.sleep(0.05)
        raise TimeoutError(f"{script}: not so after {self._seconds} s")

    def choose_file(self, selector, path):
        """Gives a file to an <input type=file>."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[os.path.abspath(path)], nodeId=node)

    def set_screen(self, width, height, ratio=1):
        """Makes the page as large as a phone's screen, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=True,
        )

    def take_screenshot(self, path):
        """Writes what is seen, as .png."""
        shot = self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def list_problems(self):
        """Returns what the page complained of, or the browser of it, list of str."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded":
                entry = told["entry"]
                if entry["level"] in ("error", "warning"):
                    found.append(f"{entry['text']} {entry.get('url', '')}")
        return found

    def list_addresses(self):
        """Returns the addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
