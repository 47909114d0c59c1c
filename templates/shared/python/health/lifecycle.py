"""Whether this process has been told to stop. The server says so, /readyz passes it on."""

import threading

_draining = threading.Event()
is_draining = _draining.is_set
start_draining = _draining.set
