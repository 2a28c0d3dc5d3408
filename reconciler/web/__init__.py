"""
The inbox for webhooks: what arrives wakes a run, and decides nothing.

Needs starlette and uvicorn (``pip install 'reconciler[serve]'``), so nothing of it is
imported before ``reconciler serve`` is called.
"""
