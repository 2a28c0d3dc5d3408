"""A headless Chromium, driven over its DevTools pipe: no port, no library."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
#: Nothing of it may speak to anybody.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--proxy-server=127.0.0.1:9",
    "--remote-debugging-pipe",
)
#: Types into the filter five times; the median of what that took, in milliseconds.
TYPED = """(async () => {
  const find = document.getElementById("find");
  const took = [];
  for (const words of ["name0", "ns77", "token 9", "nothing", ""]) {
    const start = performance.now();
    find.value = words;
    find.dispatchEvent(new Event("input", {bubbles: true}));
    document.body.getBoundingClientRect();
    took.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 0));
  }
  return took.sort((a, b) => a - b)[2];
})()"""


class Chromium:
    """One browser; use as a context manager."""

    def __enter__(self):
        self._home = tempfile.mkdtemp(prefix="reconciler-chromium-")
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        # The browser reads commands from 3 and writes answers to 4.
        script = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, PROGRAM, *FLAGS, f"--user-data-dir={self._home}"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events = []
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        finally:
            self._process.wait(timeout=20)
            os.close(self._write)
            os.close(self._read)
            shutil.rmtree(self._home, ignore_errors=True)

    def call(self, method, session=None, **params):
        """Send one command and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while (answer := self._next()).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def wait(self, method, session):
        """Return the next event of that name."""
        while True:
            for event in self.events:
                if event.get("method") == method and event["sessionId"] == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._next())

    def _next(self):
        while b"\0" not in self._rest:
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise AssertionError("the browser ended")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def page(self, path, width=1280, height=900, *, script=True, dark=False):
        """Open a file and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, target, attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.size(width, height)
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.call("Emulation.setEmulatedMedia", features=theme)
        page.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired", page.session)
        return page


class Page:
    """One tab."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self.session = browser, target, session

    def call(self, method, **params):
        """Send one command to this tab."""
        return self._browser.call(method, self.session, **params)

    def size(self, width, height):
        """Make the window so wide and high, at one pixel a pixel."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def run(self, script):
        """Return the value of a JavaScript expression; promises are awaited."""
        told = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def press(self, key):
        """Press and release one key, as a person does."""
        codes = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9}
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0]))}
        if len(key) > 1:
            common["code"] = key
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **down, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def events(self, method):
        """Return what was told of that kind so far."""
        return [
            event["params"]
            for event in self._browser.events
            if event.get("method") == method and event.get("sessionId") == self.session
        ]

    def picture(self, path, *, whole=False):
        """Write a screenshot."""
        shot = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)
